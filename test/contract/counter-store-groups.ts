import { describe, expect, it } from "vitest"
import { hourOf } from "#src/domain/group-rows.ts"
import { estimateUnits } from "#src/domain/unit-sketch.ts"
import { batchOf, place } from "#test/fold-batch.ts"
import { decisionEvent, NOON, rewardEvent } from "#test/outcomes.ts"
import { SharedClock } from "#test/shared-clock.ts"
import type { OpenStore } from "./opened-store.ts"

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const HOUR = hourOf(NOON / 1000)

/** A pseudonym whose bits differ from those of its neighbours as a keyed hash's would. */
function unit(index: number): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
  let state = BigInt(index + 1) * 0x9e3779b97f4a7c15n
  let text = ""
  for (let i = 0; i < 22; i++) {
    state = BigInt.asUintN(64, (state ^ (state >> 29n)) * 0xbf58476d1ce4e5b9n + 0x94d049bb133111ebn)
    text += letters[Number(state >> 58n)]
  }
  return text
}

/** The part of a store's contract about group rows and sketches. */
export function givenFoldedGroups(name: string, open: OpenStore): void {
  describe(`given ${name} with decisions of unit groups`, () => {
    it("adds up decisions, rewards and allocated probability by group, hour and epoch", async () => {
      const store = await open(new SharedClock())
      const allocation = { champion: 0.75, challenger: 0.25 }
      const chosen = { stickiness: "request", propensity: 0.25, variant: "challenger", allocation } as const
      const outcomes = [
        decisionEvent({ ...chosen, group: 3 }),
        decisionEvent({ ...chosen, group: 63, decisionId: "D2", error: "timeout" }),
        decisionEvent({ ...chosen, group: 3, decisionId: "D3", decidedAt: NOON + HOUR_MS }),
        decisionEvent({ ...chosen, group: 3, decisionId: "D4", epoch: 2 }),
        rewardEvent({ ...chosen, group: 3, value: 0.5 }),
      ]
      await store.fold(batchOf(outcomes, { end: place(1) }))
      const { rows } = await store.groups("banner-ctr")
      const nothing = { count: 0, sum: 0n, sumSq: 0n, weighted: 0n }
      const quarter = 250_000_000n
      const challenger = { variant: "challenger", series: 1, epoch: 1, hour: HOUR, widthSeconds: 3_600 }
      const drawn = {
        ...challenger,
        metric: "",
        count: 1,
        sum: 0n,
        sumSq: 0n,
        weighted: 4_000_000n,
        allocated: quarter,
      }
      const champion = { ...drawn, ...nothing, variant: "champion", allocated: 3n * quarter }
      const failed = { ...drawn, metric: "error", sum: 1_000_000n, sumSq: 1_000_000_000n, allocated: 0n }
      const clicked = {
        ...drawn,
        metric: "click",
        sum: 500_000n,
        sumSq: 250_000_000n,
        weighted: 2_000_000n,
        allocated: 0n,
      }
      const places = [{ group: 3 }, { group: 63 }, { group: 3, hour: HOUR + 3_600 }, { group: 3, epoch: 2 }]
      expect(sorted(rows)).toEqual(
        sorted([
          ...places.flatMap((at) => [
            { ...drawn, ...at },
            { ...champion, ...at },
          ]),
          { ...failed, group: 63 },
          { ...clicked, group: 3 },
        ]),
      )
      await store.close()
    })

    it("weighs nothing by the propensity of a sticky unit", async () => {
      const store = await open(new SharedClock())
      await store.fold(batchOf([decisionEvent({ stickiness: "unit" }), rewardEvent()], { end: place(1) }))
      const { rows } = await store.groups("banner-ctr")
      expect(rows.map(({ weighted }) => weighted)).toEqual(rows.map(() => 0n))
      await store.close()
    })

    it("takes away what a replaced reward had added, to the last unit", async () => {
      const store = await open(new SharedClock())
      const chosen = { stickiness: "request", propensity: 0.123456789, aggregation: "last", bound: 10 } as const
      const values = [3.3333, -7.1, 0]
      const rewards = values.map((value, index) =>
        rewardEvent({ ...chosen, value, eventId: `r${index}`, at: NOON + index }),
      )
      for (const [index, reward] of rewards.entries()) {
        const from = index === 0 ? undefined : place(index)
        await store.fold(batchOf([reward], { from, end: place(index + 1) }))
      }
      const { rows } = await store.groups("banner-ctr")
      expect(rows).toMatchObject([{ metric: "click", count: 1, sum: 0n, sumSq: 0n, weighted: 0n, allocated: 0n }])
      await store.close()
    })

    it("adds up sums beyond 2^53 exactly, and beyond 64 bits", async () => {
      const store = await open(new SharedClock())
      const rarest = { stickiness: "request", propensity: 1e-9 } as const
      const rewards = (from: number) =>
        Array.from({ length: 5_000 }, (_, index) => rewardEvent({ ...rarest, decisionId: `D${from + index}` }))
      for (const round of [0, 1, 2]) {
        const from = round === 0 ? undefined : place(round)
        await store.fold(batchOf(rewards(round * 5_000), { from, end: place(round + 1) }))
      }
      const { rows } = await store.groups("banner-ctr")
      expect(rows.reduce((sum, { weighted }) => sum + weighted, 0n)).toBe(15_000n * 10n ** 15n)
      expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(15_000)
      await store.close()
    })

    it("estimates how many units there were, by variant and day, however often each came", async () => {
      const store = await open(new SharedClock())
      const outcomes = Array.from({ length: 3_000 }, (_, index) =>
        decisionEvent({
          decisionId: `D${index}`,
          unit: unit(index % 1_000),
          decidedAt: NOON + (index % 2) * DAY_MS,
        }),
      )
      for (const end of [1, 2, 3]) {
        const third = outcomes.slice((end - 1) * 1_000, end * 1_000)
        await store.fold(batchOf(third, { from: end === 1 ? undefined : place(end - 1), end: place(end) }))
      }
      const { sketches } = await store.groups("banner-ctr")
      const day = NOON / 1000 - ((NOON / 1000) % 86_400)
      expect(sketches.map((sketch) => sketch.day).toSorted((a, b) => a - b)).toEqual([day, day + 86_400])
      for (const { sketch } of sketches) {
        // Five standard errors of a sketch at 500 units.
        expect(Math.abs(estimateUnits(sketch) / 500 - 1)).toBeLessThan(5 * 0.033)
      }
      await store.close()
    })
  })
}

/** Rows as texts in an order of their own. */
function sorted(rows: readonly object[]): string[] {
  return rows.map((row) => Object.entries(row).map(String).toSorted().join(" ")).toSorted()
}
