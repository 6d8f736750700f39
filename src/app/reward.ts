import { GatewayError } from "../domain/errors.ts"
import type { RewardEvent } from "../domain/events.ts"
import type { Experiment } from "../domain/experiment.ts"
import { type DecisionToken, type KeyRing, verifyToken } from "../domain/token.ts"
import type { Clock } from "../ports/clock.ts"
import type { ServedExperiments } from "./served-experiments.ts"

/** One postback as it came. */
export interface RewardCommand {
  readonly decision: string
  readonly metric: string | undefined
  readonly value: number | undefined
  /** Tells one reward of a decision from another, and a retry from a second reward; without one, the value does. */
  readonly eventId: string | undefined
  /** The experiment that the caller thinks it belongs to, checked against the token. */
  readonly experiment: string | undefined
}

/** What became of a postback. `accepted`: durable in the log, in the counters later. */
export interface RewardReceipt {
  readonly status: "applied" | "duplicate" | "accepted"
  readonly token: DecisionToken
  readonly metric: string
  readonly value: number
}

/** Logs, deduplicates and counts rewards; answers once they are durable. @throws GatewayError `log_unavailable` */
export interface RewardRecorder {
  recordRewards(events: readonly RewardEvent[]): Promise<readonly ("applied" | "duplicate" | "accepted")[]>
}

export interface RewardDeps {
  readonly clock: Clock
  readonly keyRing: KeyRing
  readonly experiments: ServedExperiments
  readonly recorder: RewardRecorder
}

type Attributed =
  | { readonly ok: true; readonly event: RewardEvent; readonly token: DecisionToken }
  | { readonly ok: false; readonly error: GatewayError }

/**
 * Credits a batch of postbacks, each on its own: one bad item spoils no other.
 *
 * @returns a receipt or a GatewayError per command, in order
 */
export function createReward(
  deps: RewardDeps,
): (commands: readonly RewardCommand[]) => Promise<(RewardReceipt | GatewayError)[]> {
  return async (commands) => {
    const now = deps.clock.now()
    const attributed = commands.map((command) => attribute(command, deps, now))
    const events = attributed.flatMap((item) => (item.ok ? [item.event] : []))
    let statuses: readonly ("applied" | "duplicate" | "accepted")[] = []
    let refusal: GatewayError | undefined
    if (events.length > 0) {
      try {
        statuses = await deps.recorder.recordRewards(events)
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error
        refusal = error
      }
    }
    let next = 0
    return attributed.map((item) => {
      if (!item.ok) return item.error
      if (refusal !== undefined) return refusal
      const status = statuses[next++] as RewardReceipt["status"]
      if (item.event.status === "late") return outOfWindow(item.token, now)
      return { status, token: item.token, metric: item.event.metric, value: item.event.value }
    })
  }
}

/** Which decision a postback belongs to, and whether it may count: the token says it, no look-up does. */
function attribute(command: RewardCommand, deps: RewardDeps, now: number): Attributed {
  const checked = verifyToken(command.decision, deps.keyRing, now)
  if (!checked.ok) return refuse(checked.code)
  const { token } = checked
  if (command.experiment !== undefined && command.experiment !== token.experiment) return refuse("token_invalid")
  const served = deps.experiments.get(token.experiment)
  if (served === undefined) return refuse("experiment_gone")
  const { reward } = served.snapshot.experiment
  const metric = command.metric ?? reward.metric
  if (metric !== reward.metric) {
    const detail = `must be "${reward.metric}", the metric of this experiment, or left out`
    return refuse("validation_failed", { errors: [{ pointer: "/metric", detail }] })
  }
  const value = command.value ?? 1
  const problem = outOfRange(value, reward)
  if (problem !== undefined) return refuse("reward_out_of_range", { errors: [{ pointer: "/value", detail: problem }] })
  const late = now > token.issuedAt + token.attributionWindowSeconds * 1000
  const suffix = reward.aggregation === "first" ? "" : `-${command.eventId ?? `v${value}`}`
  return {
    ok: true,
    token,
    event: {
      v: 1,
      type: "reward",
      eventId: `r-${token.decisionId}-${metric}${suffix}`,
      at: new Date(now).toISOString(),
      experiment: token.experiment,
      revision: token.revision,
      series: 1,
      epoch: 1,
      group: 0,
      stickiness: served.snapshot.experiment.stickiness,
      bound: Math.max(...reward.bounds.map(Math.abs)),
      holdout: false,
      expiresAt: new Date(token.expiresAt).toISOString(),
      decisionId: token.decisionId,
      variant: token.variant,
      propensity: token.propensity,
      decidedAt: new Date(token.issuedAt).toISOString(),
      metric,
      value: value === 0 ? 0 : value,
      status: late ? "late" : "applied",
      aggregation: reward.aggregation,
      learn: token.learn,
    },
  }
}

function refuse(code: GatewayError["code"], options: ConstructorParameters<typeof GatewayError>[1] = {}): Attributed {
  return { ok: false, error: new GatewayError(code, options) }
}

function outOfRange(value: number, reward: Experiment["reward"]): string | undefined {
  const [low, high] = reward.bounds
  if (!Number.isFinite(value) || value < low || value > high) return `must be a number from ${low} to ${high}`
  return undefined
}

function outOfWindow(token: DecisionToken, now: number): GatewayError {
  const closedAt = token.issuedAt + token.attributionWindowSeconds * 1000
  return new GatewayError("reward_out_of_window", {
    detail:
      `The decision's attribution window of ${token.attributionWindowSeconds} s closed ${Math.ceil((now - closedAt) / 1000)} s ago. ` +
      "The reward was logged as late and is not learned from. Raise attributionWindowSeconds or send rewards sooner.",
  })
}
