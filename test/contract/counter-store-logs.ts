import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import type { Aggregation, DecisionEvent, RewardEvent } from "#src/domain/events.ts"
import { ALL_OF_CHAMPION, decisionEvent, NOON, rewardEvent } from "#test/outcomes.ts"
import { SharedClock } from "#test/shared-clock.ts"
import { GatewayLog } from "./gateway-log.ts"
import { countedIn, type OpenStore } from "./opened-store.ts"

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

function decided(...names: readonly string[]): DecisionEvent[] {
  return names.map((decisionId, index) =>
    decisionEvent({ decisionId, group: index % 64, unit: `unit-of-${decisionId}` }),
  )
}

function rewarded(...names: readonly string[]): RewardEvent[] {
  return names.map((decisionId) => rewardEvent({ decisionId, aggregation: "sum", value: 0.25 }))
}

/** The part of a store's contract about logs: any number of them, each line once, whatever happens to their disks and to the store. */
export function givenLogsOfManyGateways(name: string, open: OpenStore): void {
  const fresh = () => open(new SharedClock())

  /** What the reference counts that is folded from these logs, one after the other and without any fault. */
  async function expected(...logs: readonly GatewayLog[]) {
    const store = createMemoryCounterStore(new SharedClock())
    for (const log of logs) expect(await log.catchUp(store)).toBe("caught up")
    const counted = await countedIn(store)
    await store.close()
    return counted
  }

  describe(`given ${name} and the logs of several gateways`, () => {
    it("counts each line once when two logs come in turns, are killed and replayed", async () => {
      const a = new GatewayLog("A").append(...decided("a1", "a2"), ...rewarded("a1"), ...decided("a3"))
      const b = new GatewayLog("B").append(...decided("b1"), ...rewarded("b1", "a2", "b1"), ...decided("b2"))
      const store = await fresh()
      await a.fold(store, 0, 2)
      await b.fold(store, 0, 3)
      // Killed before the answer: the same batch again.
      await b.fold(store, 0, 3)
      await a.fold(store, 2, 3)
      // Replayed from an earlier position.
      expect(await a.fold(store, 0, 4)).toEqual({ status: "elsewhere", position: a.position(3) })
      expect(await b.fold(store, 1, 4)).toEqual({ status: "elsewhere", position: b.position(3) })
      await b.catchUp(store)
      await a.catchUp(store)
      expect(await countedIn(store)).toEqual(await expected(b, a))
      await store.close()
    })

    it("keeps what a gateway had folded whose disk was emptied", async () => {
      const a = new GatewayLog("A").append(...decided("a1", "a2"), ...rewarded("a1"))
      const other = new GatewayLog("B").append(...decided("b1"))
      const emptied = new GatewayLog("A2").append(...decided("a3"), ...rewarded("a2"))
      const store = await fresh()
      await a.catchUp(store)
      await other.catchUp(store)
      expect(await emptied.catchUp(store)).toBe("caught up")
      expect(await countedIn(store)).toEqual(await expected(a, other, emptied))
      expect((await store.contents()).positions.map(({ log }) => log).toSorted()).toEqual(["A", "A2", "B"])
      await store.close()
    })

    it("tells a copied log from the one it was copied from, at the same offset too", async () => {
      const original = new GatewayLog("A").append(...decided("a1", "a2"), ...rewarded("a1"))
      const copy = original.copyOf(2).append(...rewarded("a2"), ...decided("c1"))
      const store = await fresh()
      await original.catchUp(store)
      expect(await copy.fold(store, 2, 3)).toEqual({ status: "elsewhere", position: original.position(3) })
      expect(await copy.fold(store, 3, 4)).toEqual({ status: "elsewhere", position: original.position(3) })
      expect(await copy.catchUp(store)).toBe("stands nowhere in this log")
      copy.renew("C", 2)
      expect(await copy.catchUp(store)).toBe("caught up")
      expect(await countedIn(store)).toEqual(await expected(original, copy))
      await store.close()
    })

    it("tells a log that was restored from yesterday from the one that it was", async () => {
      const log = new GatewayLog("A").append(...decided("a1", "a2", "a3"), ...rewarded("a1"))
      const store = await fresh()
      await log.catchUp(store)
      const restored = log.copyOf(2)
      // As far as it reaches, it says nothing new: the store is ahead of it.
      expect(await restored.fold(store, 1, 2)).toEqual({ status: "elsewhere", position: log.position(4) })
      restored.append(...decided("r1"), ...rewarded("r1", "a2"))
      expect(await restored.catchUp(store)).toBe("stands nowhere in this log")
      restored.renew("R", 2)
      expect(await restored.catchUp(store)).toBe("caught up")
      expect(await countedIn(store)).toEqual(await expected(log, restored))
      await store.close()
    })

    it("is folded from where it stands when it has fallen back by a batch", async () => {
      const a = new GatewayLog("A").append(...decided("a1"), ...rewarded("a1"), ...decided("a2"), ...rewarded("a2"))
      const b = new GatewayLog("B").append(...decided("b1"), ...rewarded("a1", "b1"))
      // A replica that had not seen the third line of A and the last of B.
      const fallen = await fresh()
      await a.fold(fallen, 0, 2)
      await b.fold(fallen, 0, 2)
      expect(await a.fold(fallen, 3, 4)).toEqual({ status: "elsewhere", position: a.position(2) })
      expect(await a.catchUp(fallen)).toBe("caught up")
      expect(await b.catchUp(fallen)).toBe("caught up")
      expect(await countedIn(fallen)).toEqual(await expected(a, b))
      await fallen.close()
    })

    it.each<Aggregation>(["first", "last", "sum", "max"])(
      "adds up the same %s of rewards in two logs in either order, with clocks 90 seconds apart",
      async (aggregation) => {
        const reward = (eventId: string, value: number, at: number) =>
          rewardEvent({ aggregation, eventId, value, bound: 2, at, stickiness: "request" })
        const a = new GatewayLog("A").append(
          decisionEvent({ stickiness: "request" }),
          reward("one", 0.5, NOON + 10_000),
          reward("two", 1.5, NOON + 20_000),
          reward("same", -1, NOON + 30_000),
        )
        const ahead = 90_000
        const b = new GatewayLog("B").append(
          reward("zero", 0, NOON + 1_000 + ahead),
          reward("same", -1, NOON + 15_000 + ahead),
          reward("three", 1, NOON + 5_000 + ahead),
        )
        const counted = await expected(a, b)
        const otherWay = await fresh()
        for (const log of [b, a]) await log.catchUp(otherWay)
        expect(await countedIn(otherWay)).toEqual(counted)
        await otherWay.close()
        const inTurns = await fresh()
        for (const line of [1, 2, 3, 4]) {
          await a.catchUp(inTurns, line)
          await b.catchUp(inTurns, Math.min(line, b.length))
        }
        const value = { first: 0.5, last: 1, sum: 2, max: 1.5 }[aggregation]
        const { variants } = await inTurns.statistics("banner-ctr", { ...ALL_OF_CHAMPION, bound: 2 })
        expect(variants).toMatchObject([{ n: 1, sum: value, sumSq: value ** 2, totals: { rewards: 1 } }])
        expect(await countedIn(inTurns)).toEqual(counted)
        await inTurns.close()
      },
    )

    it("folds the log of a gateway that was dead for a day, and not of one that was for more than a week", async () => {
      const clock = new SharedClock()
      const store = await open(clock)
      const dead = new GatewayLog("A").append(...decided("a1"), ...rewarded("a1"))
      const other = new GatewayLog("B").append(...decided("b1"))
      await dead.fold(store, 0, 1)
      await other.catchUp(store)
      clock.pass(DAY_MS)
      expect(await dead.catchUp(store)).toBe("caught up")
      dead.append(...rewarded("a1"), ...decided("a2"))
      for (let hours = 0; hours < 7 * 24 + 1; hours++) {
        clock.pass(HOUR_MS)
        expect(await store.alive("B", clock.now())).toEqual({ lapsed: false })
      }
      const before = await countedIn(store)
      expect(await dead.fold(store, 2, 4)).toEqual({ status: "lapsed" })
      expect(await store.alive("A", clock.now())).toEqual({ lapsed: true })
      clock.pass(HOUR_MS)
      expect(await dead.catchUp(store)).toBe("lapsed")
      expect(await countedIn(store)).toEqual(before)
      expect(await store.positions("A")).toEqual(new Map([["banner-ctr", dead.position(2)]]))
      expect(await other.append(...decided("b2")).catchUp(store)).toBe("caught up")
      dead.append(...decided("a3"))
      dead.renew("A2", 4)
      expect(await dead.catchUp(store)).toBe("caught up")
      await store.close()
    })

    it("takes the tail of a lapsed log after a reset", async () => {
      const clock = new SharedClock()
      const store = await open(clock)
      const dead = new GatewayLog("A").append(...decided("a1"), ...rewarded("a1"))
      await dead.fold(store, 0, 1)
      clock.pass(8 * DAY_MS)
      expect(await dead.catchUp(store)).toBe("lapsed")
      await store.reset()
      expect(await dead.catchUp(store)).toBe("caught up")
      expect(await countedIn(store)).toEqual(await expected(dead))
      await store.close()
    })

    it("lets no log lapse because its clock was ahead for half a minute", async () => {
      const clock = new SharedClock()
      const store = await open(clock)
      const log = new GatewayLog("A").append(...decided("a1", "a2", "a3"))
      await log.fold(store, 0, 1)
      clock.jump(70 * DAY_MS)
      clock.pass(30_000)
      expect(await log.fold(store, 1, 2)).toMatchObject({ status: "folded" })
      expect(await store.alive("A", clock.now())).toEqual({ lapsed: false })
      clock.jump(-70 * DAY_MS)
      expect(await log.fold(store, 2, 3)).toMatchObject({ status: "folded" })
      await store.close()
    })

    it("keeps what it is told of a resolution apart from what it counts", async () => {
      const store = await fresh()
      await store.keep("banner-ctr", { memorySeconds: 60, forgottenAfterSeconds: undefined, maturationSeconds: 0 })
      await store.keep("banner-ctr", {
        memorySeconds: undefined,
        forgottenAfterSeconds: undefined,
        maturationSeconds: 9,
      })
      const log = new GatewayLog("A").append(...decided("a1"))
      await log.catchUp(store)
      expect(await countedIn(store)).toEqual(await expected(log))
      await store.close()
    })

    it("counts the same whatever the order in which two logs are folded, repeated and replayed", async () => {
      const store = await fresh()
      await fc.assert(
        fc.asyncProperty(outcomes(), outcomes(), fc.array(foldOf(), { maxLength: 12 }), async (ofA, ofB, folds) => {
          const logs = [new GatewayLog("A").append(...ofA), new GatewayLog("B").append(...ofB)] as const
          await store.reset()
          for (const { which, start, end, again } of folds) {
            const log = logs[which]
            if (log.length === 0) continue
            const last = 1 + (end % log.length)
            // From wherever it may be, as a gateway would that has lost its place.
            for (let time = 0; time <= again; time++) await log.fold(store, Math.min(start, last - 1), last)
            if (again === 0) await log.catchUp(store, last)
          }
          for (const log of logs) expect(await log.catchUp(store)).toBe("caught up")
          expect(await countedIn(store)).toEqual(await expected(logs[1], logs[0]))
        }),
      )
      await store.close()
    })
  })
}

function foldOf() {
  const place = fc.nat(30)
  return fc.record({ which: fc.constantFrom(0 as const, 1 as const), start: place, end: place, again: fc.nat(1) })
}

/** Outcomes of a few decisions. What is true of a decision is said by its name, so that two logs agree on it. */
function outcomes(): fc.Arbitrary<(DecisionEvent | RewardEvent)[]> {
  const decision = fc.nat(5).map(
    (index) =>
      ({
        decisionId: `D${index}`,
        variant: index % 2 === 0 ? "champion" : "challenger",
        series: 1 + (index % 3),
        epoch: 1 + (index % 2),
        group: index * 11,
        decidedAt: NOON - index * 1_000_000,
        stickiness: index % 2 === 0 ? "request" : "unit",
        propensity: 0.3 + index / 100,
        learn: index !== 4,
        aggregation: (["first", "last", "sum", "max", "sum", "first"] as const)[index] ?? "first",
      }) as const,
  )
  const reward = fc.record({
    eventId: fc.constantFrom("r1", "r2", "r3", "r4"),
    value: fc.constantFrom(-1, 0, 0.0007, 0.5, 1),
    at: fc.integer({ min: NOON, max: NOON + 4 }),
    status: fc.constantFrom("applied" as const, "applied" as const, "late" as const),
  })
  const line = fc.oneof(
    { weight: 1, arbitrary: decision.map((facts) => decisionEvent({ ...facts, unit: `unit-of-${facts.decisionId}` })) },
    {
      weight: 3,
      arbitrary: fc.tuple(decision, reward).map(([facts, postback]) => rewardEvent({ ...facts, ...postback })),
    },
  )
  return fc.array(line, { maxLength: 15 })
}
