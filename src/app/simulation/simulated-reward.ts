import type { Choice } from "../../domain/choice.ts"
import type { RewardEvent } from "../../domain/events.ts"
import type { DecisionId } from "../../domain/ids.ts"
import { boundOf } from "../../domain/metric.ts"
import type { Snapshot } from "../../domain/snapshot.ts"
import type { Outcome } from "./simulated-world.ts"

/** The reward of a decision as a gateway logs it: late or in time, and learned from as its decision is. Seconds count from the epoch. */
export function rewardEvent(
  { experiment, revision, lineage }: Pick<Snapshot, "experiment" | "revision" | "lineage">,
  decided: { readonly second: number; readonly decisionId: string; readonly choice: Choice },
  { failed, reward, delay }: Outcome,
): RewardEvent {
  const { id, stickiness, reward: metric } = experiment
  const { second, choice } = decided
  const windowSeconds = metric.attributionWindowSeconds
  return {
    v: 1,
    type: "reward",
    eventId: `r-${decided.decisionId}`,
    at: timeOf(second + delay),
    experiment: id,
    revision,
    series: lineage.series[choice.variant] ?? 1,
    epoch: lineage.epoch,
    decisionId: decided.decisionId as DecisionId,
    group: 0,
    variant: choice.variant,
    propensity: choice.propensity,
    decidedAt: timeOf(second),
    stickiness,
    metric: metric.metric,
    value: reward,
    bound: boundOf(metric),
    aggregation: metric.aggregation,
    ...(metric.maturation === "expected" ? { delayWindowSeconds: windowSeconds } : {}),
    learn: !failed || metric.failures === "count",
    holdout: false,
    expiresAt: timeOf(second + 2 * windowSeconds),
    status: delay > windowSeconds ? "late" : "applied",
  }
}

function timeOf(second: number): string {
  return new Date(second * 1000).toISOString()
}
