import type { OutcomeEvent } from "#src/domain/events.ts"
import type { AdTraffic, Postback } from "#test/crash/ad-traffic.ts"

/** What clients know at the end: what they were answered, and what they never were. */
export type ClientRecord = Pick<AdTraffic, "decisions" | "postbacks" | "unanswered">

/** What is left of a run. */
export interface Observed {
  /** Of the logs of all gateways. */
  readonly events: readonly OutcomeEvent[]
  /** Over all experiments; `sum` in millionths of each metric's largest bound. */
  readonly counters: { readonly decisions: number; readonly rewards: number; readonly sum: bigint }
  /** Ids of the events in the stream; undefined where there is no stream. */
  readonly streamed?: ReadonlySet<string> | undefined
}

/** The largest bound of the metric that an experiment of `ad-traffic.ts` learns from. */
const BOUNDS: Readonly<Record<string, number>> = { clicks: 1, sales: 100 }

/**
 * Compares what clients were told with what is left, once every postback has been acknowledged.
 *
 * @returns what was lost, doubled or made up, a sentence each; empty where all is in order
 */
export function reconcile({ decisions, postbacks, unanswered }: ClientRecord, observed: Observed): string[] {
  const { events, counters, streamed } = observed
  const wrong: string[] = []
  const expectNone = (what: string, found: readonly string[]): void => {
    if (found.length > 0) wrong.push(`${found.length} ${what}: ${found.slice(0, 5).join(", ")}`)
  }
  const expectEqual = (what: string, actual: number | bigint, expected: number | bigint): void => {
    if (actual !== expected) wrong.push(`${what}: ${actual} instead of ${expected}`)
  }

  const decided = events.flatMap((event) => (event.type === "decision" ? [event.decisionId as string] : []))
  const rewarded = events.flatMap((event) => (event.type === "reward" ? [event.eventId] : []))
  const known = new Set(decided)
  expectNone("decisions are logged twice", repeated(decided))
  expectNone("decisions were answered and are not logged", missing(idsOf(decisions), known))
  const madeUp = known.size - decisions.length
  if (madeUp > unanswered)
    wrong.push(`${madeUp} decisions nobody was answered, of ${unanswered} that were not answered`)

  expectNone("postbacks were never acknowledged", namesOf(postbacks.filter(({ acknowledged }) => !acknowledged)))
  expectNone("postbacks were applied twice", namesOf(postbacks.filter(({ applied }) => applied > 1)))
  expectNone("rewards are logged of decisions without any postback", strangers(events, postbacks))

  expectEqual("decisions counted", counters.decisions, known.size)
  expectEqual("rewarded decisions counted", counters.rewards, new Set(idsOf(postbacks)).size)
  expectEqual("sum of the counters", counters.sum, sumOf(postbacks))
  if (streamed !== undefined) {
    expectNone("logged decisions are not in the stream", missing(eventIdsOf(events, "decision"), streamed))
    expectNone("logged rewards are not in the stream", missing(rewarded, streamed))
  }
  return wrong
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

function eventIdsOf(events: readonly OutcomeEvent[], type: OutcomeEvent["type"]): string[] {
  return events.flatMap((event) => (event.type === type ? [event.eventId] : []))
}

function namesOf(postbacks: readonly Postback[]): string[] {
  return postbacks.map(({ decisionId, eventId }) => `${decisionId} ${eventId}`)
}

function strangers(events: readonly OutcomeEvent[], postbacks: readonly Postback[]): string[] {
  const known = new Set(idsOf(postbacks))
  return events.flatMap((event) => (event.type === "reward" && !known.has(event.decisionId) ? [event.eventId] : []))
}

function missing(wanted: readonly string[], there: ReadonlySet<string>): string[] {
  return wanted.filter((id) => !there.has(id))
}

function repeated(ids: readonly string[]): string[] {
  return [...Map.groupBy(ids, (id) => id)].filter(([, same]) => same.length > 1).map(([id]) => id)
}
