import { describe, expect, it } from "vitest"
import { MAX_REWARD, MICRO, squareMicro } from "#src/domain/counters.ts"
import type { StatisticsQuery } from "#src/domain/statistics.ts"
import type { CounterArchive } from "#src/ports/counter-archive.ts"
import type { CounterStore } from "#src/ports/counter-store.ts"
import { decisions, NOON, rewardEvent } from "#test/outcomes.ts"

const QUERY: StatisticsQuery = { metric: "click", memory: { kind: "all" }, maturationSeconds: 0, now: NOON + 1_000 }
const KEY = { experiment: "banner-ctr", variant: "champion", metric: "click", bucket: NOON / 1000 }

/** What every counter store promises. `open` gives a fresh one. */
export function counterStoreContract(name: string, open: () => Promise<CounterStore & CounterArchive>): void {
  describe(`given ${name}`, () => {
    it("knows nothing at first", async () => {
      const store = await open()
      expect(await store.statistics("banner-ctr", QUERY)).toEqual({ stateVersion: 0, variants: [] })
      expect(await store.position()).toBeUndefined()
      expect(await store.contents()).toEqual({ position: undefined, cells: [] })
      expect(await store.seen([rewardEvent()])).toEqual([false])
      await store.close()
    })

    it("counts decisions and rewards and remembers where the log was", async () => {
      const store = await open()
      const end = { file: 1, offset: 900 }
      const answers = await store.fold({ decisions: [decisions(KEY, 5)], rewards: [rewardEvent({ value: 0.25 })], end })
      expect(answers).toEqual(["applied"])
      const counted = { decisions: 5, rewards: 1, sum: 0.25, sumSq: 0.0625 }
      expect((await store.statistics("banner-ctr", QUERY)).variants).toEqual([
        { variant: "champion", n: 5, pending: 0, sum: 0.25, sumSq: 0.0625, totals: counted },
      ])
      expect(await store.position()).toEqual(end)
      await store.close()
    })

    it("credits a postback once, within a batch, across batches and as seen", async () => {
      const store = await open()
      const reward = rewardEvent({ aggregation: "sum" })
      const batch = { decisions: [], rewards: [reward, reward], end: { file: 1, offset: 1 } }
      expect(await store.fold(batch)).toEqual(["applied", "duplicate"])
      expect(await store.seen([reward, rewardEvent({ aggregation: "sum", eventId: "other" })])).toEqual([true, false])
      const next = { decisions: [], rewards: [reward, rewardEvent({ decisionId: "D2" })], end: { file: 1, offset: 2 } }
      expect(await store.fold(next)).toEqual(["duplicate", "applied"])
      const { variants } = await store.statistics("banner-ctr", QUERY)
      expect(variants[0]?.totals).toMatchObject({ rewards: 2, sum: 2 })
      await store.close()
    })

    it("changes nothing for a batch that ends no later than the last", async () => {
      const store = await open()
      const batch = { decisions: [decisions(KEY, 5)], rewards: [rewardEvent()], end: { file: 2, offset: 10 } }
      await store.fold(batch)
      const before = await store.statistics("banner-ctr", QUERY)
      expect(await store.fold(batch)).toEqual(["duplicate"])
      const earlier = { ...batch, rewards: [rewardEvent({ decisionId: "D9" })], end: { file: 1, offset: 99 } }
      expect(await store.fold(earlier)).toEqual(["duplicate"])
      expect(await store.statistics("banner-ctr", QUERY)).toEqual(before)
      expect(await store.position()).toEqual({ file: 2, offset: 10 })
      await store.close()
    })

    it("moves on over a batch that holds nothing to count", async () => {
      const store = await open()
      expect(await store.fold({ decisions: [], rewards: [], end: { file: 3, offset: 0 } })).toEqual([])
      expect(await store.position()).toEqual({ file: 3, offset: 0 })
      await store.close()
    })

    it("deduplicates rewards that don't count and leaves the counters alone", async () => {
      const store = await open()
      const late = rewardEvent({ decisionId: "late", status: "late" })
      const unlearned = rewardEvent({ decisionId: "unlearned", learn: false })
      const rewards = [late, late, unlearned, unlearned]
      expect(await store.fold({ decisions: [], rewards, end: { file: 1, offset: 1 } })).toEqual([
        "applied",
        "duplicate",
        "applied",
        "duplicate",
      ])
      expect(await store.seen([late, unlearned])).toEqual([true, true])
      expect(await store.statistics("banner-ctr", QUERY)).toEqual({ stateVersion: 0, variants: [] })
      await store.close()
    })

    it("replaces what a later reward replaces", async () => {
      const store = await open()
      const rewards = [3, 8, -2].map((value) => rewardEvent({ aggregation: "last", value, eventId: `r${value}` }))
      await store.fold({ decisions: [], rewards, end: { file: 1, offset: 1 } })
      const { variants } = await store.statistics("banner-ctr", QUERY)
      expect(variants[0]?.totals).toEqual({ decisions: 0, rewards: 1, sum: -2, sumSq: 4 })
      await store.close()
    })

    it("raises the state version of an experiment whenever its counters change, and of no other", async () => {
      const store = await open()
      const versions: number[] = []
      const fold = async (offset: number, rewards = [rewardEvent({ decisionId: `D${offset}` })]) => {
        await store.fold({ decisions: [], rewards, end: { file: 1, offset } })
        versions.push((await store.statistics("banner-ctr", QUERY)).stateVersion)
      }
      await fold(1)
      await fold(2)
      await fold(3, [rewardEvent({ decisionId: "D1" })])
      await fold(4, [rewardEvent({ decisionId: "elsewhere", experiment: "other" })])
      const [first = 0, second = 0, third, fourth] = versions
      expect(first).toBeGreaterThan(0)
      expect(second).toBeGreaterThan(first)
      expect([third, fourth]).toEqual([second, second])
      await store.close()
    })

    it("keeps experiments, metrics and variants apart", async () => {
      const store = await open()
      const places = [
        KEY,
        { ...KEY, variant: "challenger" },
        { ...KEY, metric: "sale" },
        { ...KEY, experiment: "other" },
      ]
      await store.fold({
        decisions: places.map((key, index) => decisions(key, index + 1)),
        rewards: [],
        end: { file: 1, offset: 1 },
      })
      const read = async (experiment: string, metric: string) =>
        (await store.statistics(experiment, { ...QUERY, metric })).variants
          .map(({ variant, n }) => `${variant} ${n}`)
          .sort()
      expect(await read("banner-ctr", "click")).toEqual(["challenger 2", "champion 1"])
      expect(await read("banner-ctr", "sale")).toEqual(["champion 3"])
      expect(await read("other", "click")).toEqual(["champion 4"])
      await store.close()
    })

    it("stays exact beyond 2^53", async () => {
      const store = await open()
      const rewards = Array.from({ length: 200 }, (_, index) =>
        rewardEvent({ decisionId: `big${index}`, value: index === 0 ? 0.001 : MAX_REWARD }),
      )
      await store.fold({ decisions: [], rewards, end: { file: 1, offset: 1 } })
      const { cells } = await store.contents()
      expect(cells[0]?.sumSq).toBe(199n * BigInt(squareMicro(MAX_REWARD * MICRO)) + 1n)
      expect(cells[0]?.sumSq).toBeGreaterThan(BigInt(Number.MAX_SAFE_INTEGER))
      const { variants } = await store.statistics("banner-ctr", QUERY)
      expect(variants[0]?.totals.rewards).toBe(200)
      await store.close()
    })

    it("forgets everything at a reset but the rise of its state versions", async () => {
      const store = await open()
      const batch = { decisions: [decisions(KEY, 5)], rewards: [rewardEvent()], end: { file: 2, offset: 10 } }
      await store.fold(batch)
      const { stateVersion } = await store.statistics("banner-ctr", QUERY)
      await store.reset()
      expect(await store.contents()).toEqual({ position: undefined, cells: [] })
      expect(await store.seen([rewardEvent()])).toEqual([false])
      expect((await store.statistics("banner-ctr", QUERY)).stateVersion).toBeGreaterThan(stateVersion)
      expect(await store.fold(batch)).toEqual(["applied"])
      await store.close()
    })
  })
}
