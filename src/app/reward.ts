import type { Definitions, RevisionDefinition } from "../domain/definitions.ts"
import { GatewayError } from "../domain/errors.ts"
import type { RewardEvent } from "../domain/events.ts"
import { isoTime } from "../domain/iso-time.ts"
import { boundOf, type MetricDefinition } from "../domain/metric.ts"
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
  /** Which of the decision's instances it is for, 0 to 255. Logged, no effect on what is counted. */
  readonly instance: number | undefined
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
  | {
      readonly ok: true
      readonly event: RewardEvent
      readonly token: DecisionToken
      /** Epoch milliseconds. */
      readonly windowClosesAt: number
    }
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
      if (item.event.status === "late") return outOfWindow(item, now)
      return { status, token: item.token, metric: item.event.metric, value: item.event.value }
    })
  }
}

/** Which decision a postback belongs to, and whether it may count: the token and its revision say it, no look-up of the decision does. */
function attribute(command: RewardCommand, deps: RewardDeps, now: number): Attributed {
  const checked = verifyToken(command.decision, deps.keyRing, now)
  if (!checked.ok) return refuse(checked.code)
  const { token } = checked
  if (command.experiment !== undefined && command.experiment !== token.experiment) return refuse("token_invalid")
  const definitions = deps.experiments.takenRewards(token.experiment)
  // Revision 0 was served while nothing could be stored: what was stored first says what its rewards mean.
  const definition = definitions?.get(token.revision) ?? (token.revision === 0 ? firstOf(definitions) : undefined)
  if (definition === undefined) {
    if (deps.experiments.wasRemoved(token.experiment)) return refuse("experiment_gone")
    return refuse("revision_not_served", {
      detail: `Revision ${token.revision} of ${token.experiment} is not known here.`,
    })
  }
  const metric = definition.metrics.get(command.metric ?? definition.primary)
  if (metric === undefined) {
    const known = [...definition.metrics.keys()].map((id) => `"${id}"`).join(", ")
    const detail = `must be a metric of this experiment (${known}), or left out for "${definition.primary}"`
    return refuse("validation_failed", { errors: [{ pointer: "/metric", detail }] })
  }
  const value = command.value ?? 1
  const problem = outOfRange(value, metric)
  if (problem !== undefined) return refuse("reward_out_of_range", { errors: [{ pointer: "/value", detail: problem }] })
  const windowClosesAt = token.issuedAt + metric.attributionWindowSeconds * 1000
  return {
    ok: true,
    token,
    windowClosesAt,
    event: {
      v: 1,
      type: "reward",
      eventId: `r-${token.decisionId}-${metric.id}${postbackSuffix(command, metric, value)}`,
      at: isoTime(now),
      experiment: token.experiment,
      revision: token.revision,
      series: token.series,
      epoch: definition.epoch,
      decisionId: token.decisionId,
      group: token.group,
      variant: token.variant,
      propensity: token.propensity,
      decidedAt: isoTime(token.issuedAt),
      stickiness: definition.stickiness,
      metric: metric.id,
      value: value === 0 ? 0 : value,
      bound: boundOf(metric),
      instance: command.instance,
      aggregation: metric.aggregation,
      delayWindowSeconds:
        definition.keepsDelays && metric.id === definition.primary ? metric.attributionWindowSeconds : undefined,
      learn: token.learn,
      holdout: token.holdout,
      expiresAt: isoTime(token.expiresAt),
      status: now > windowClosesAt ? "late" : "applied",
    },
  }
}

/** Tells the postbacks of one decision and metric apart. A caller's id never equals one that was made from a value. */
function postbackSuffix(command: RewardCommand, { aggregation }: MetricDefinition, value: number): string {
  // A zero gives way to what comes after it: consumers who keep one event of each id need both.
  if (aggregation === "first") return value === 0 ? "-v0" : ""
  return command.eventId === undefined ? `-v${value}` : `-e${command.eventId}`
}

function firstOf(definitions: Definitions | undefined): RevisionDefinition | undefined {
  return definitions?.values().next().value
}

function refuse(code: GatewayError["code"], options: ConstructorParameters<typeof GatewayError>[1] = {}): Attributed {
  return { ok: false, error: new GatewayError(code, options) }
}

function outOfRange(value: number, { kind, bounds: [low, high] }: MetricDefinition): string | undefined {
  if (kind === "binary" && value !== 0 && value !== 1) {
    return "must be exactly 0 or 1, since the metric is binary; a metric of the kind value takes other numbers"
  }
  if (!Number.isFinite(value) || value < low || value > high) return `must be a number from ${low} to ${high}`
  return undefined
}

function outOfWindow({ token, event, windowClosesAt }: Extract<Attributed, { ok: true }>, now: number): GatewayError {
  const windowSeconds = (windowClosesAt - token.issuedAt) / 1000
  return new GatewayError("reward_out_of_window", {
    detail:
      `The attribution window of the metric "${event.metric}" of ${windowSeconds} s closed ${Math.ceil((now - windowClosesAt) / 1000)} s ago. ` +
      "The reward was logged as late and is not counted. Raise attributionWindowSeconds or send rewards sooner.",
  })
}
