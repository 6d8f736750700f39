import { describe, expect, it } from "vitest"
import { callTotals } from "#src/domain/call-counters.ts"
import { type CounterContents, decodeContents } from "#src/domain/counter-contents.ts"
import { SQUARE_UNITS, SUM_UNITS } from "#src/domain/counters.ts"
import type { StatisticsQuery } from "#src/domain/statistics.ts"
import type { CounterArchive } from "#src/ports/counter-archive.ts"
import { batchOf, place } from "#test/fold-batch.ts"
import { ALL_OF_CHAMPION, decisionEvent, NOON, rewardEvent } from "#test/outcomes.ts"
import { SharedClock } from "#test/shared-clock.ts"
import { givenFoldedGroups } from "./counter-store-groups.ts"
import { givenLogsOfManyGateways } from "./counter-store-logs.ts"
import type { OpenStore } from "./opened-store.ts"

const QUERY = { ...ALL_OF_CHAMPION, series: { champion: 1, challenger: 1 }, now: NOON + 1_000 }
const NOTHING = { positions: [], cells: [], groups: [], sketches: [] }

function decided(count: number, from = 0) {
  return Array.from({ length: count }, (_, index) => decisionEvent({ decisionId: `D${from + index}` }))
}

/** Contents without which counters they are of: those of a shared store are others after each restore. */
function countsOf(contents: CounterContents): Omit<CounterContents, "origins"> {
  const { origins: _, ...counts } = contents
  return counts
}

async function counts(store: Pick<CounterArchive, "contents">) {
  return countsOf(await store.contents())
}

/** What every counter store promises. `open` gives a fresh one, whose clock is the given one. */
export function counterStoreContract(name: string, open: OpenStore): void {
  describe(`given ${name}`, () => {
    const opened = () => open(new SharedClock())

    it("knows nothing at first", async () => {
      const store = await opened()
      expect(await store.statistics("banner-ctr", QUERY)).toEqual({ stateVersion: 0, variants: [], holdout: [] })
      expect(await store.groups("banner-ctr")).toEqual({ rows: [], sketches: [] })
      expect(await store.calls("banner-ctr")).toEqual([])
      expect(await store.positions("L1")).toEqual(new Map())
      expect(await store.contents()).toEqual(NOTHING)
      expect(await store.seen([rewardEvent()])).toEqual([false])
      await store.close()
    })

    it("counts decisions and rewards and remembers where the log was", async () => {
      const store = await opened()
      const batch = batchOf([...decided(5), rewardEvent({ value: 0.25 })], { end: place(900) })
      expect(await store.fold(batch)).toEqual({ status: "folded", answers: ["applied"] })
      const totals = { decisions: 5, rewards: 1, sum: 0.25, sumSq: 0.0625 }
      expect((await store.statistics("banner-ctr", QUERY)).variants).toEqual([
        { variant: "champion", n: 5, pending: 0, lifetime: 5, sum: 0.25, sumSq: 0.0625, totals, excluded: 0 },
      ])
      expect(await store.positions("L1")).toEqual(new Map([["banner-ctr", place(900)]]))
      expect((await store.contents()).positions).toEqual([
        { experiment: "banner-ctr", log: "L1", position: place(900) },
      ])
      await store.close()
    })

    it("keeps how calls to variants went, by minute, beside statistics that know nothing of it", async () => {
      const store = await opened()
      const call = (ms: number, error?: string) => ({
        variant: "champion",
        ms,
        ...(error === undefined ? {} : { error }),
      })
      const called = [
        decisionEvent({ decisionId: "D1", asked: [call(10)] }),
        decisionEvent({ decisionId: "D2", asked: [call(10)], decidedAt: NOON + 59_000 }),
        decisionEvent({ decisionId: "D3", asked: [call(300, "wrong_shape")], error: "wrong_shape" }),
        decisionEvent({ decisionId: "D4", asked: [call(10)], decidedAt: NOON + 60_000 }),
        decisionEvent({ decisionId: "D5" }),
      ]
      await store.fold(batchOf(called, { end: place(1) }))
      const rows = await store.calls("banner-ctr")
      expect(callTotals(rows)).toMatchObject({ answered: 3, failed: 1, failures: { wrong_shape: 1 } })
      const ofFirstMinute = rows.filter(({ bucket }) => bucket === NOON / 1000)
      expect(callTotals(ofFirstMinute)).toMatchObject({ answered: 2, failed: 1 })
      expect(rows.map(({ variant, series, cohort }) => [variant, series, cohort])).toContainEqual([
        "champion",
        1,
        "learned",
      ])
      const [statistics] = (await store.statistics("banner-ctr", QUERY)).variants
      expect(statistics).toMatchObject({ n: 5, totals: { decisions: 5, rewards: 0 } })
      await store.close()
    })

    it("credits a postback once, within a batch, across batches and as seen", async () => {
      const store = await opened()
      const reward = rewardEvent({ aggregation: "sum", bound: 10 })
      const first = await store.fold(batchOf([reward, reward], { end: place(1) }))
      expect(first).toEqual({ status: "folded", answers: ["applied", "duplicate"] })
      const other = rewardEvent({ aggregation: "sum", bound: 10, eventId: "other" })
      expect(await store.seen([reward, other])).toEqual([true, false])
      const next = [reward, rewardEvent({ decisionId: "D2", aggregation: "sum", bound: 10 })]
      const second = await store.fold(batchOf(next, { from: place(1), end: place(2) }))
      expect(second).toEqual({ status: "folded", answers: ["duplicate", "applied"] })
      const { variants } = await store.statistics("banner-ctr", { ...QUERY, bound: 10 })
      expect(variants[0]?.totals).toMatchObject({ rewards: 2, sum: 2 })
      await store.close()
    })

    it("gives the answers of the last batch again, and changes nothing, when it is repeated", async () => {
      const store = await opened()
      await store.fold(batchOf(decided(2), { end: place(1) }))
      const reward = rewardEvent()
      const batch = batchOf([...decided(5, 2), reward, reward], { from: place(1), end: place(2) })
      const answered = await store.fold(batch)
      const before = [await store.statistics("banner-ctr", QUERY), await counts(store)]
      expect(await store.fold(batch)).toEqual(answered)
      expect(answered).toEqual({ status: "folded", answers: ["applied", "duplicate"] })
      expect([await store.statistics("banner-ctr", QUERY), await counts(store)]).toEqual(before)
      await store.close()
    })

    it("says where it stands, and changes nothing, for a batch that begins elsewhere", async () => {
      const store = await opened()
      const first = place(10)
      await store.fold(batchOf(decided(1), { end: first }))
      const before = await counts(store)
      const elsewhere = { status: "elsewhere", position: first }
      const reward = rewardEvent({ decisionId: "D9" })
      for (const from of [undefined, place(5), place(10, "another line"), { ...first, file: 2 }]) {
        expect(await store.fold(batchOf([...decided(3, 9), reward], { from, end: place(99) }))).toEqual(elsewhere)
      }
      expect(await counts(store)).toEqual(before)
      expect(await store.seen([reward])).toEqual([false])
      const unknown = await store.fold(batchOf(decided(1), { log: "L2", from: first, end: place(20) }))
      expect(unknown).toEqual({ status: "elsewhere", position: undefined })
      await store.close()
    })

    it("gives no answers of one batch for another that ends at the same place", async () => {
      const store = await opened()
      const rewards = ["D1", "D2", "D3"].map((decisionId) => rewardEvent({ decisionId }))
      await store.fold(batchOf(rewards, { end: place(3) }))
      const part = await store.fold(batchOf(rewards.slice(2), { from: place(2), end: place(3) }))
      expect(part).toEqual({ status: "elsewhere", position: place(3) })
      await store.close()
    })

    it("moves on over a batch that holds nothing to count", async () => {
      const store = await opened()
      expect(await store.fold(batchOf([], { end: place(7) }))).toEqual({ status: "folded", answers: [] })
      expect(await store.positions("L1")).toEqual(new Map([["banner-ctr", place(7)]]))
      expect((await store.statistics("banner-ctr", QUERY)).stateVersion).toBe(0)
      await store.close()
    })

    it("deduplicates rewards that don't count and leaves the counters alone", async () => {
      const store = await opened()
      const late = rewardEvent({ decisionId: "late", status: "late" })
      const unlearned = rewardEvent({ decisionId: "unlearned", learn: false })
      const folded = await store.fold(batchOf([late, late, unlearned, unlearned], { end: place(1) }))
      expect(folded).toEqual({ status: "folded", answers: ["applied", "duplicate", "applied", "duplicate"] })
      expect(await store.seen([late, unlearned])).toEqual([true, true])
      expect(await store.statistics("banner-ctr", QUERY)).toEqual({ stateVersion: 0, variants: [], holdout: [] })
      await store.close()
    })

    it("replaces what a later reward replaces", async () => {
      const store = await opened()
      const rewards = [3, 8, -2].map((value, index) =>
        rewardEvent({ aggregation: "last", value, bound: 10, eventId: `r${value}`, at: NOON + index }),
      )
      await store.fold(batchOf(rewards, { end: place(1) }))
      const { variants } = await store.statistics("banner-ctr", { ...QUERY, bound: 10 })
      expect(variants[0]?.totals).toEqual({ decisions: 0, rewards: 1, sum: -2, sumSq: 4 })
      await store.close()
    })

    it("raises the state version of an experiment whenever its counters change, and of no other", async () => {
      const store = await opened()
      const versions: number[] = []
      const fold = async (offset: number, decisionId: string, experiment = "banner-ctr") => {
        const from = (await store.positions("L1")).get(experiment)
        await store.fold(batchOf([rewardEvent({ decisionId, experiment })], { from, end: place(offset) }))
        versions.push((await store.statistics("banner-ctr", QUERY)).stateVersion)
      }
      await fold(1, "D1")
      await fold(2, "D2")
      await fold(3, "D1")
      await fold(4, "elsewhere", "other")
      const [first = 0, second = 0, third, fourth] = versions
      expect(first).toBeGreaterThan(0)
      expect(second).toBeGreaterThan(first)
      expect([third, fourth]).toEqual([second, second])
      await store.close()
    })

    it("keeps experiments, variants, series and metrics apart", async () => {
      const store = await opened()
      const folded = [
        decisionEvent(),
        decisionEvent({ decisionId: "D2", variant: "challenger" }),
        decisionEvent({ decisionId: "D3", series: 2 }),
        rewardEvent({ decisionId: "D1" }),
        rewardEvent({ decisionId: "D1", metric: "sale", value: 0.5 }),
        rewardEvent({ decisionId: "D2", variant: "challenger", metric: "sale", value: 0.25 }),
        rewardEvent({ decisionId: "D3", series: 2, value: 0.125 }),
      ]
      await store.fold(batchOf(folded, { end: place(1) }))
      await store.fold(batchOf([decisionEvent({ experiment: "other" })], { end: place(1) }))
      const read = async (query: Partial<StatisticsQuery>, experiment = "banner-ctr") => {
        const { variants } = await store.statistics(experiment, { ...QUERY, ...query })
        return variants.map(({ variant, n, sum }) => `${variant} ${n} ${sum}`).toSorted()
      }
      expect(await read({})).toEqual(["challenger 1 0", "champion 1 1"])
      expect(await read({ metric: "sale" })).toEqual(["challenger 1 0.25", "champion 1 0.5"])
      expect(await read({ series: { champion: 2 } })).toEqual(["champion 1 0.125"])
      expect(await read({}, "other")).toEqual(["champion 1 0"])
      await store.close()
    })

    it("keeps the holdout and what is excluded from learning in rows of their own", async () => {
      const store = await opened()
      const held = { decisionId: "H", learn: false }
      const outcomes = [
        decisionEvent(),
        decisionEvent({ ...held, reason: "holdout", propensity: 1, allocation: { champion: 1 } }),
        rewardEvent({ ...held, holdout: true, value: 0.5 }),
        decisionEvent({ decisionId: "X", learn: false, error: "timeout" }),
        rewardEvent({ decisionId: "X", learn: false }),
        decisionEvent({ decisionId: "F", learn: false, reason: "forced", propensity: 1 }),
        decisionEvent({ decisionId: "P", learn: false, reason: "paused", propensity: 1 }),
      ]
      await store.fold(batchOf(outcomes, { end: place(1) }))
      const { variants, holdout } = await store.statistics("banner-ctr", QUERY)
      expect(variants).toMatchObject([{ n: 1, sum: 0, excluded: 1, totals: { decisions: 1, rewards: 0 } }])
      expect(holdout).toEqual([{ variant: "champion", decisions: 1, rewards: 1, sum: 0.5, sumSq: 0.25 }])
      const { rows } = await store.groups("banner-ctr")
      expect(rows.filter(({ count }) => count > 0)).toMatchObject([{ variant: "champion", metric: "", count: 1 }])
      await store.close()
    })

    it("adds up 10^9 of the largest rewards of one second exactly, and goes on beyond 64 bits", async () => {
      const store = await opened()
      const key = { ...KEY, metric: "click" }
      const lot = { key, delta: { count: 1_000_000, sum: 1_000_000 * SUM_UNITS, sumSq: 1_000_000 * SQUARE_UNITS } }
      const fold = async (round: number, additions: number) =>
        await store.fold({
          ...batchOf([], { from: round === 0 ? undefined : place(round), end: place(round + 1) }),
          counters: Array.from({ length: additions }, () => lot),
        })
      for (let round = 0; round < 10; round++) await fold(round, 100)
      const billion = 1_000_000_000n
      const sums = async () => {
        const { cells } = await store.contents()
        return [sumOf(cells, "sum"), sumOf(cells, "sumSq")]
      }
      expect(await sums()).toEqual([billion * BigInt(SUM_UNITS), billion * BigInt(SQUARE_UNITS)])
      for (let round = 10; round < 21; round++) await fold(round, 1_000)
      expect(await sums()).toEqual([12n * billion * BigInt(SUM_UNITS), 12n * billion * BigInt(SQUARE_UNITS)])
      const { variants } = await store.statistics("banner-ctr", QUERY)
      expect(variants).toMatchObject([{ totals: { rewards: 12e9, sum: 12e9, sumSq: 12e9 } }])
      await store.close()
    })

    it("forgets everything at a reset but the rise of its state versions", async () => {
      const store = await opened()
      const batch = batchOf([...decided(5), rewardEvent()], { end: place(10) })
      await store.fold(batch)
      const { stateVersion } = await store.statistics("banner-ctr", QUERY)
      await store.reset()
      expect(await store.contents()).toEqual(NOTHING)
      expect(await store.groups("banner-ctr")).toEqual({ rows: [], sketches: [] })
      expect(await store.seen([rewardEvent()])).toEqual([false])
      expect((await store.statistics("banner-ctr", QUERY)).stateVersion).toBeGreaterThan(stateVersion)
      expect(await store.fold(batch)).toEqual({ status: "folded", answers: ["applied"] })
      await store.close()
    })

    it("holds after a restore what was packed, and no credit but those that are brought back", async () => {
      const store = await opened()
      const rewards = [rewardEvent(), rewardEvent({ decisionId: "D2", value: 0.5 })]
      await store.fold(batchOf([...decided(5), ...rewards], { end: place(10) }))
      await store.fold(batchOf(decided(3, 5), { log: "L2", end: place(4) }))
      const before = await counts(store)
      const { positions, bytes } = await store.pack()
      expect(positions).toEqual(before.positions)
      const unpacked = decodeContents(new TextDecoder().decode(bytes).split("\n"))
      expect(unpacked && countsOf(unpacked)).toEqual(before)
      await store.reset()
      if (unpacked !== undefined) await store.restore(unpacked)
      expect(await counts(store)).toEqual(before)
      expect(await store.seen(rewards)).toEqual([false, false])
      await store.remember(rewards.slice(0, 1))
      expect(await store.seen(rewards)).toEqual([true, false])
      expect(await counts(store)).toEqual(before)
      const next = batchOf([rewardEvent()], { from: place(10), end: place(11) })
      expect(await store.fold(next)).toEqual({ status: "folded", answers: ["duplicate"] })
      expect((await store.contents()).cells).toEqual(before.cells)
      await store.close()
    })

    it("restores sums beyond 2^53 to the last digit", async () => {
      const store = await opened()
      const sum = 3n * 2n ** 53n + 1n
      const key = { experiment: "banner-ctr", variant: "champion", series: 1, metric: "click" }
      const row = { ...key, epoch: 1, hour: NOON / 1000, group: 7, widthSeconds: 3_600, count: 4 }
      const contents = {
        positions: [{ experiment: "banner-ctr", log: "L1", position: place(1) }],
        cells: [{ ...key, cohort: "learned", bucket: NOON / 1000, widthSeconds: 1, count: 4, sum, sumSq: sum }],
        groups: [{ ...row, sum, sumSq: sum, weighted: -sum, allocated: 0n }],
        sketches: [],
      } as const
      await store.restore(contents)
      expect(await counts(store)).toEqual(contents)
      await store.close()
    })
  })

  givenFoldedGroups(name, open)
  givenLogsOfManyGateways(name, open)
}

const KEY = {
  experiment: "banner-ctr",
  cohort: "learned",
  variant: "champion",
  series: 1,
  bucket: NOON / 1000,
} as const

function sumOf(cells: readonly { readonly sum: bigint; readonly sumSq: bigint }[], field: "sum" | "sumSq"): bigint {
  return cells.reduce((sum, cell) => sum + cell[field], 0n)
}
