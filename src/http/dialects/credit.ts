import type { RewardCommand, RewardReceipt } from "../../app/reward.ts"
import type { Served, ServedExperiments } from "../../app/served-experiments.ts"
import { GatewayError } from "../../domain/errors.ts"
import type { Metrics } from "../metrics.ts"

export interface CreditDeps {
  readonly experiments: ServedExperiments
  readonly reward: (commands: readonly RewardCommand[]) => Promise<(RewardReceipt | GatewayError)[]>
  readonly metrics: Metrics
}

/**
 * Credits one reward of the metric that the experiment learns from.
 *
 * @param served the experiment that the caller names, undefined where it names none
 * @throws GatewayError as `POST /reward` answers
 */
export async function creditOne(
  { reward, metrics }: CreditDeps,
  decision: string,
  value: number,
  served: Served | undefined,
): Promise<RewardReceipt> {
  const experiment = served?.snapshot.experiment.id
  const [outcome] = await reward([
    { decision, metric: undefined, value, eventId: undefined, instance: undefined, experiment },
  ])
  if (outcome === undefined) throw new Error("one reward has one outcome")
  metrics.rewarded(outcome)
  if (outcome instanceof GatewayError) throw outcome
  return outcome
}
