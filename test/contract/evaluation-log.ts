import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Aggregation, OutcomeEvent } from "#src/domain/events.ts"
import type { EvaluationLog, EvaluationQuery, LogSummary } from "#src/ports/evaluation-log.ts"
import { decisionEvent, NOON, rewardEvent } from "#test/outcomes.ts"

export const ALL_OF_IT: EvaluationQuery = { experiment: "banner-ctr", modelFeatures: [], arrivals: false }

/** A row in words. */
export interface ReadRow {
  readonly at: number
  readonly variant: string | undefined
  readonly probabilities: readonly number[]
  readonly reward: number
  readonly segment: string | null | undefined
  readonly cell: number
  readonly arrivals: readonly { readonly at: number; readonly value: number }[]
}

/** Everything that a log answers. */
export async function readLog(
  log: EvaluationLog,
  query: Partial<EvaluationQuery> = {},
): Promise<{ readonly summary: LogSummary; readonly rows: readonly ReadRow[] }> {
  const { summary, rows, close } = await log.prepare({ ...ALL_OF_IT, ...query }, () => {})
  const read: ReadRow[] = []
  for await (const batch of rows()) {
    for (let index = 0; index < batch.count; index++) {
      read.push({
        at: ((batch.at[index] ?? 0) - NOON) / 1000,
        variant: summary.variants[batch.variant[index] ?? -1],
        probabilities: [...(summary.allocations[batch.allocation[index] ?? -1]?.probabilities ?? [])],
        reward: batch.reward[index] ?? Number.NaN,
        segment: summary.segments[batch.segment[index] ?? -1],
        cell: batch.cell[index] ?? Number.NaN,
        arrivals: (batch.arrivals[index] ?? []).map(({ at, value }) => ({ at: (at - NOON) / 1000, value })),
      })
      if (query.arrivals === true) {
        expect(batch.series[index]).toBe(1)
        expect(batch.coin[index]).toBeGreaterThanOrEqual(0)
        expect(batch.coin[index]).toBeLessThan(1)
      }
      expect(batch.bucket[index]).toBeGreaterThanOrEqual(0)
      expect(batch.bucket[index]).toBeLessThan(4096)
    }
  }
  await close()
  return { summary, rows: read }
}

type Decision = NonNullable<Parameters<typeof decisionEvent>[0]>

/** A decision so many seconds after noon. */
function decided(second: number, decision: Decision = {}) {
  return decisionEvent({
    decisionId: `D${second}`,
    unit: `unit-${second}`,
    stickiness: "request",
    decidedAt: NOON + second * 1000,
    ...decision,
  })
}

/** A reward of that decision, five seconds later unless said otherwise. */
function rewarded(second: number, reward: NonNullable<Parameters<typeof rewardEvent>[0]> = {}) {
  return rewardEvent({ decisionId: `D${second}`, stickiness: "request", decidedAt: NOON + second * 1000, ...reward })
}

export function experimentEvent(revision: number, document: unknown): OutcomeEvent {
  return {
    v: 1,
    type: "experiment",
    eventId: `e-banner-ctr-${revision}`,
    at: new Date(NOON - 60_000).toISOString(),
    experiment: decisionEvent().experiment,
    revision,
    actor: "folder",
    source: "folder",
    models: {},
    lineage: { series: {}, epoch: 1, metrics: {} },
    diff: [],
    document,
  }
}

/** What every log that can be evaluated promises. `open` gives one that holds the events. */
export function evaluationLogContract(name: string, open: (events: readonly OutcomeEvent[]) => Promise<EvaluationLog>) {
  const read = async (events: readonly OutcomeEvent[], query: Partial<EvaluationQuery> = {}) =>
    await readLog(await open(events), query)

  describe(`given ${name}`, () => {
    it("has a row for each decision, in their order, with what its rewards added up to", async () => {
      const { summary, rows } = await read([
        decided(2, { variant: "challenger", allocation: { champion: 0.25, challenger: 0.75 }, propensity: 0.75 }),
        decided(1),
        rewarded(2),
      ])
      expect(rows).toMatchObject([
        { at: 1, variant: "champion", probabilities: [0.5, 0.5], reward: 0 },
        { at: 2, variant: "challenger", probabilities: [0.75, 0.25], reward: 1 },
      ])
      expect(summary).toMatchObject({
        metric: "click",
        aggregation: "first",
        bound: 1,
        stickiness: "request",
        decisions: 2,
        rows: 2,
        variants: ["challenger", "champion"],
        windowSeconds: undefined,
        startLost: false,
        begin: NOON + 1000,
        end: NOON + 7000,
      })
    })

    it("counts what was logged twice once", async () => {
      const events = [decided(1), decided(2), rewarded(2, { aggregation: "sum", bound: 10 })]
      const twice = await read([...events, ...events])
      expect(twice.rows).toEqual((await read(events)).rows)
      expect(twice.summary.decisions).toBe(2)
    })

    it("takes a unit's first decision with its own reward where units stick", async () => {
      const sticky: Decision = { stickiness: "unit", unit: "same" }
      const events = [decided(1, sticky), decided(2, sticky), rewarded(2), decided(3, { stickiness: "unit" })]
      const { summary, rows } = await read(events)
      expect(rows.map(({ at, reward }) => [at, reward])).toEqual([
        [1, 0],
        [3, 0],
      ])
      expect(summary).toMatchObject({ stickiness: "unit", decisions: 3, rows: 2 })
      // The unit began before.
      expect((await read(events, { from: NOON + 2000 })).rows.map(({ at }) => at)).toEqual([3])
      expect((await read(events, { to: NOON + 3000 })).rows.map(({ at }) => at)).toEqual([1])
    })

    it("counts forced, held out and paused decisions, and no more", async () => {
      const { summary, rows } = await read([
        decided(1),
        rewarded(1),
        decided(2, { reason: "forced", learn: false }),
        decided(3, { reason: "holdout", learn: false }),
        decided(4, { reason: "holdout", learn: false }),
        decided(5, { reason: "paused", learn: false }),
        decided(6, { reason: "burn_in" }),
      ])
      expect(rows.map(({ at }) => at)).toEqual([1, 6])
      expect(summary.undrawn).toEqual({ forced: 1, holdout: 2, paused: 1 })
    })

    it("has failed decisions as rows too, with rewards that nobody learned from", async () => {
      const { rows } = await read([
        decided(1, { error: "backend_failed", learn: false }),
        rewarded(1, { learn: false }),
        decided(2),
      ])
      expect(rows.map(({ reward }) => reward)).toEqual([1, 0])
    })

    it("leaves late rewards out, and counts those after the end that was asked for", async () => {
      const events = [
        decided(1),
        rewarded(1, { at: NOON + 50_000 }),
        decided(2),
        rewarded(2, { status: "late" }),
        decided(20),
      ]
      const { rows } = await read(events, { to: NOON + 10_000 })
      expect(rows.map(({ at, reward }) => [at, reward])).toEqual([
        [1, 1],
        [2, 0],
      ])
    })

    it("leaves decisions out whose attribution window was open when the log ended, where the log says how long it is", async () => {
      const document = { id: "banner-ctr", reward: { metric: "click", attributionWindowSeconds: 60 } }
      const events = [experimentEvent(1, document), decided(1), decided(100), decided(101), decided(160), rewarded(1)]
      const { summary, rows } = await read(events)
      expect(rows.map(({ at }) => at)).toEqual([1, 100])
      expect(summary).toMatchObject({ young: 2, windowSeconds: 60, documents: [{ revision: 1, document }] })
      // Whoever knows that rewards come sooner says so.
      expect((await read(events, { windowSeconds: 0 })).rows).toHaveLength(4)
    })

    it("knows another metric than the one that is learned from", async () => {
      const events = [
        decided(1),
        rewarded(1),
        rewarded(1, { metric: "revenue", value: 7, bound: 50, aggregation: "sum" }),
      ]
      const { summary, rows } = await read(events, { metric: "revenue" })
      expect(summary).toMatchObject({ metric: "revenue", aggregation: "sum", bound: 50 })
      expect(rows[0]?.reward).toBeCloseTo(7, 9)
    })

    it("gives the arrivals of rewards where they are asked for", async () => {
      const sum = { aggregation: "sum", bound: 10 } as const
      const events = [
        decided(1),
        rewarded(1, { ...sum, eventId: "later", at: NOON + 9_000, value: 2 }),
        rewarded(1, { ...sum, eventId: "sooner", at: NOON + 4_000, value: 3 }),
        decided(2),
      ]
      const { rows } = await read(events, { arrivals: true })
      const arrivals = [
        { at: 4, value: 3 },
        { at: 9, value: 2 },
      ]
      expect(rows).toMatchObject([
        { reward: 5, arrivals },
        { reward: 0, arrivals: [] },
      ])
    })

    it.each(['a"b', "a/b", "a~1b", "0", "$.a", "it's"])("reads the feature %s", async (name) => {
      const events = ["x", "y"].map((value, second) => ({ ...decided(second + 1), features: { [name]: value } }))
      const { rows } = await read([...events, rewarded(1)], { segmentBy: name })
      expect(rows.map(({ segment }) => segment)).toEqual(["x", "y"])
    })

    it("tells segments and cells apart by logged features", async () => {
      const featured = (second: number, features: unknown) => ({ ...decided(second), features })
      const events = [
        featured(1, { site: "a", hour: "1" }),
        featured(2, { site: "b", hour: "1" }),
        featured(3, { site: "b", hour: "2" }),
        featured(4, null),
        rewarded(1),
      ]
      const { rows } = await read(events, { segmentBy: "site", modelFeatures: ["site", "hour"] })
      expect(rows.map(({ segment }) => segment)).toEqual(["a", "b", "b", null])
      expect(new Set(rows.map(({ cell }) => cell)).size).toBe(4)
    })

    it("gives decision ids and features where whole rows are asked for", async () => {
      const featured = { ...decided(1), features: { site: "a", hours: [1, 2] } }
      const events = [featured, { ...decided(2), features: null }, rewarded(1)]
      const { rows, close } = await (await open(events)).prepare(
        { ...ALL_OF_IT, arrivals: true, whole: true },
        () => {},
      )
      const batches = await Array.fromAsync(rows())
      await close()
      expect(batches.flatMap(({ decisionId }) => decisionId)).toEqual(["D1", "D2"])
      const features = batches.flatMap((batch) => batch.features).map((text) => JSON.parse(text ?? "null"))
      expect(features).toEqual([{ site: "a", hours: [1, 2] }, null])
    })

    it("says that units' first decisions may be missing where the log begins with a later revision", async () => {
      const later = [
        { ...decided(1, { stickiness: "unit" }), revision: 2 },
        { ...rewarded(1), revision: 2 },
      ]
      expect((await read(later)).summary.startLost).toBe(true)
      expect((await read(later.map((event) => ({ ...event, stickiness: "request" as const })))).summary.startLost).toBe(
        false,
      )
    })

    it("refuses what the log has nothing of", async () => {
      await expect(read([decided(1)])).rejects.toMatchObject({ code: "config_invalid" })
      await expect(read([decided(1), rewarded(1)], { metric: "revenue" })).rejects.toThrow(
        "no reward of metric 'revenue'",
      )
      await expect(read([decided(1), rewarded(1)], { experiment: "other" })).rejects.toThrow(
        "no drawn decision of other",
      )
    })
  })
}

const postback = fc.record({
  second: fc.integer({ min: 1, max: 5 }),
  at: fc.integer({ min: 5, max: 9 }),
  value: fc.constantFrom(-3, 0, 1, 2.5, 10),
  event: fc.constantFrom("a", "b", "c"),
})

/** Any rewards of five decisions, all aggregated alike. */
export const anyPostbacks = fc
  .tuple(fc.constantFrom<Aggregation>("first", "last", "sum", "max"), fc.array(postback, { maxLength: 12 }))
  .map(([aggregation, postbacks]): OutcomeEvent[] => [
    ...[1, 2, 3, 4, 5].map((second) => decided(second)),
    ...postbacks.map(({ second, at, value, event }) =>
      rewarded(second, { aggregation, bound: 10, value, at: NOON + at * 1000, eventId: `r-D${second}-click-${event}` }),
    ),
    rewarded(1, { aggregation, bound: 10, value: 1, at: NOON + 20_000, eventId: "r-last" }),
  ])
