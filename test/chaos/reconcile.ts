import type { OutcomeEvent } from "#src/domain/events.ts"
import type { AdTraffic, Postback } from "#test/crash/ad-traffic.ts"

/** What clients know at the end: what they were answered, and what they never were. */
export type ClientRecord = Pick<AdTraffic, "decisions" | "postbacks" | "unanswered">

/** As much of an event as is compared. */
export interface ObservedEvent extends Pick<OutcomeEvent, "type" | "eventId"> {
  /** Of decisions and rewards. */
  readonly decisionId?: string | undefined
}

/** What is left of a run. */
export interface Observed {
  /** Of the logs of all gateways. */
  readonly events: readonly ObservedEvent[]
  /** Over all experiments; `sum` in millionths of each metric's largest bound. */
  readonly counters: { readonly decisions: number; readonly rewards: number; readonly sum: bigint }
  /** Ids of the events in the stream; undefined where there is no stream. */
  readonly streamed?: ReadonlySet<string> | undefined
  /** How often the store lost what it had counted. Each time a postback that is sent again may come before the log is folded again that has the first. */
  readonly emptied?: number
}

/** What a run may take from the logs: nothing; decisions that were not synced yet; all that a lost disk had. Never a reward from the counters. */
export type LogLoss = "nothing" | "unsynced decisions" | "disks"

/** The largest bound of the metric that an experiment of `ad-traffic.ts` learns from. */
const BOUNDS: Readonly<Record<string, number>> = { clicks: 1, sales: 100 }

/**
 * Compares what clients were told with what is left, once every postback has been acknowledged.
 *
 * @param loss what is no mistake where it is missing from the logs
 * @returns what was lost, doubled or made up, a sentence each; empty where all is in order
 */
export function reconcile(clients: ClientRecord, observed: Observed, loss: LogLoss = "nothing"): string[] {
  const { postbacks } = clients
  const { events, counters, streamed, emptied = 0 } = observed
  const findings = new Findings()
  if (loss !== "disks") {
    compareDecisions(clients, observed, loss, findings)
    findings.none("rewards are logged of decisions without any postback", strangers(events, postbacks))
  }
  findings.none("postbacks were never acknowledged", namesOf(postbacks.filter(({ acknowledged }) => !acknowledged)))
  findings.none("postbacks were applied twice", namesOf(postbacks.filter(({ applied }) => applied > 1 + emptied)))
  findings.equal("rewarded decisions counted", counters.rewards, new Set(idsOf(postbacks)).size)
  findings.equal("sum of the counters", counters.sum, sumOf(postbacks))
  if (streamed !== undefined) {
    findings.none("logged decisions are not in the stream", missing(eventIdsOf(events, "decision"), streamed))
    findings.none("logged rewards are not in the stream", missing(eventIdsOf(events, "reward"), streamed))
  }
  return findings.wrong
}

class Findings {
  readonly wrong: string[] = []

  none(what: string, found: readonly string[]): void {
    if (found.length > 0) this.wrong.push(`${found.length} ${what}: ${found.slice(0, 5).join(", ")}`)
  }

  equal(what: string, actual: number | bigint, expected: number | bigint): void {
    if (actual !== expected) this.wrong.push(`${what}: ${actual} instead of ${expected}`)
  }
}

function compareDecisions(
  { decisions, unanswered }: ClientRecord,
  { events, counters }: Observed,
  loss: LogLoss,
  findings: Findings,
): void {
  const logged = events.flatMap(({ type, decisionId }) => (type === "decision" ? (decisionId ?? []) : []))
  const known = new Set(logged)
  findings.none("decisions are logged twice", repeated(logged))
  if (loss === "nothing") findings.none("decisions were answered and are not logged", missing(idsOf(decisions), known))
  const madeUp = missing([...known], new Set(idsOf(decisions))).length
  if (madeUp > unanswered)
    findings.wrong.push(`${madeUp} decisions nobody was answered, of ${unanswered} that were not answered`)
  findings.equal("decisions counted", counters.decisions, known.size)
}

/** What the counters add up to when every postback counted once; what one decision adds up to is bounded like one reward. */
function sumOf(postbacks: readonly Postback[]): bigint {
  const byDecision = Map.groupBy(postbacks, ({ decisionId }) => decisionId)
  let total = 0n
  for (const ofOne of byDecision.values()) {
    const bound = BOUNDS[ofOne[0]?.experiment ?? ""] ?? Number.NaN
    const sum = ofOne.reduce((added, { value }) => added + value, 0)
    total += BigInt(Math.round((Math.max(-bound, Math.min(bound, sum)) / bound) * 1e6))
  }
  return total
}

function idsOf(items: readonly { readonly decisionId: string }[]): string[] {
  return items.map(({ decisionId }) => decisionId)
}

function eventIdsOf(events: readonly ObservedEvent[], type: OutcomeEvent["type"]): string[] {
  return events.flatMap((event) => (event.type === type ? [event.eventId] : []))
}

function namesOf(postbacks: readonly Postback[]): string[] {
  return postbacks.map(({ decisionId, eventId }) => `${decisionId} ${eventId}`)
}

function strangers(events: readonly ObservedEvent[], postbacks: readonly Postback[]): string[] {
  const known = new Set(idsOf(postbacks))
  return events.flatMap(({ type, eventId, decisionId = "" }) =>
    type === "reward" && !known.has(decisionId) ? [eventId] : [],
  )
}

function missing(wanted: readonly string[], there: ReadonlySet<string>): string[] {
  return wanted.filter((id) => !there.has(id))
}

function repeated(ids: readonly string[]): string[] {
  return [...Map.groupBy(ids, (id) => id)].filter(([, same]) => same.length > 1).map(([id]) => id)
}
