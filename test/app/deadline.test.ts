import { describe, expect, it } from "vitest"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { createMemoryExperimentStore } from "#src/adapters/memory/experiment-store.ts"
import { withDeadlines } from "#src/app/deadline.ts"
import { GatewayError } from "#src/domain/errors.ts"
import type { CounterArchive } from "#src/ports/counter-archive.ts"
import type { CounterStore } from "#src/ports/counter-store.ts"
import { createTestGateway } from "../http/gateway.ts"
import { GatedStore } from "./gated-store.ts"

type Store = CounterStore & CounterArchive

const DEADLINE_MS = 20

/** A store that takes every question and answers none. */
function silent<Port extends object>(port: Port): Port {
  const never = () => new Promise<never>(() => {})
  return Object.fromEntries(Object.keys(port).map((name) => [name, never])) as Port
}

describe("given a store that never answers", () => {
  const stores = { counters: createMemoryCounterStore(), experiments: createMemoryExperimentStore() }
  const methods = Object.entries(stores).flatMap(([name, store]) =>
    Object.keys(store).map((method) => [name, method, silent(store)] as const),
  )

  it("means every method of both ports", () => {
    const names = methods.map(([, method]) => method)
    expect(names).toEqual(expect.arrayContaining(["fold", "seen", "statistics", "groups", "keep", "alive", "close"]))
    expect(names).toEqual(expect.arrayContaining(["positions", "contents", "reset", "append"]))
  })

  it.each(methods)("gives up %s.%s after the deadline, and says which question it was", async (_, method, store) => {
    const answer: Promise<unknown> = Reflect.get(withDeadlines(store, {}, DEADLINE_MS), method)()
    await expect(answer).rejects.toThrow(GatewayError)
    await expect(answer).rejects.toMatchObject({
      code: "store_unavailable",
      detail: `the store did not answer ${method} within ${DEADLINE_MS} ms`,
    })
  })

  it("waits longer for what may take longer, and for ever where that is Infinity", async () => {
    const store = withDeadlines(silent(stores.counters), { fold: DEADLINE_MS, close: Infinity }, DEADLINE_MS / 4)
    const settled: string[] = []
    const closing = store.close().finally(() => settled.push("close"))
    const folding = store.fold({} as Parameters<Store["fold"]>[0]).catch((error) => settled.push(error.detail))
    await store.contents().catch((error) => settled.push(error.detail))
    await folding
    await new Promise((settle) => setTimeout(settle, 2 * DEADLINE_MS))
    expect(settled).toEqual([
      `the store did not answer contents within ${DEADLINE_MS / 4} ms`,
      `the store did not answer fold within ${DEADLINE_MS} ms`,
    ])
    expect(closing).toBeInstanceOf(Promise)
  })
})

describe("given a store that answers", () => {
  /** A store with state of its own, as classes have it. */
  class Numbers {
    readonly #kept: number[] = []
    readonly name = "numbers"
    keep = async (...given: readonly number[]): Promise<number> => this.#kept.push(...given)
    async sum(): Promise<number> {
      return this.#kept.reduce((sum, one) => sum + one, 0)
    }
    async refuse(): Promise<never> {
      throw new GatewayError("store_unavailable", { detail: "told to" })
    }
    async fault(): Promise<never> {
      throw new TypeError("a mistake of its own")
    }
    throws(): Promise<never> {
      throw new RangeError("before any promise")
    }
    size(): number {
      return this.#kept.length
    }
  }
  const store = withDeadlines(new Numbers(), {}, 1_000)

  it("passes arguments and answers through, and keeps `this` of a class with private members", async () => {
    expect(await store.keep(1, 2)).toBe(2)
    expect(await store.sum()).toBe(3)
    expect(store.size()).toBe(2)
    expect(store.name).toBe("numbers")
  })

  it("passes errors through as they are", async () => {
    await expect(store.refuse()).rejects.toMatchObject({ code: "store_unavailable", detail: "told to" })
    await expect(store.fault()).rejects.toThrow(new TypeError("a mistake of its own"))
    expect(() => store.throws()).toThrow(RangeError)
  })

  it("drops the error of a call that was given up", async () => {
    const late = withDeadlines(
      {
        ask: async () =>
          await new Promise<never>((_, reject) => setTimeout(reject, 2 * DEADLINE_MS, new Error("late"))),
      },
      {},
      DEADLINE_MS,
    )
    await expect(late.ask()).rejects.toMatchObject({ code: "store_unavailable" })
    // A rejection that nobody takes would fail the run.
    await new Promise((settle) => setTimeout(settle, 3 * DEADLINE_MS))
  })

  it("keeps the contract of the store it wraps", async () => {
    const gated = new GatedStore(createMemoryCounterStore())
    const wrapped = withDeadlines(gated, {}, DEADLINE_MS)
    expect(await wrapped.seen([])).toEqual([])
    gated.state = "hangs"
    await expect(wrapped.seen([])).rejects.toMatchObject({ code: "store_unavailable" })
    gated.state = "open"
    expect(await wrapped.seen([])).toEqual([])
  })
})

describe("given a gateway whose counters stop answering", () => {
  const hanging = async () => {
    const gateway = await createTestGateway({ storeAnswersWithinMs: DEADLINE_MS })
    // Under a window time alone changes the statistics, so that every round makes a new snapshot.
    await gateway.publish({ memory: { kind: "window", seconds: 3600 } })
    const token = await gateway.decide()
    gateway.store.state = "hangs"
    return { ...gateway, token }
  }

  it("still decides, and takes rewards that are counted later", async () => {
    const { decide, request, token } = await hanging()
    expect(await decide()).toMatch(/^v1\./)
    const response = await request(`/reward?d=${token}`)
    expect(response.status).toBe(202)
  })

  it("answers questions about the counters with 503, in time", async () => {
    const { request } = await hanging()
    const response = await request("/admin/experiments/banner-ctr/stats")
    expect([response.status, await response.json()]).toMatchObject([503, { code: "store_unavailable" }])
  })

  it("goes on reallocating once they answer: no round waits for ever", async () => {
    const { reallocator, clock, store, experiments } = await hanging()
    const before = experiments.get("banner-ctr")?.snapshot
    clock.advance(60)
    await reallocator.tick()
    expect(experiments.get("banner-ctr")?.snapshot).toBe(before)
    store.state = "open"
    clock.advance(60)
    await reallocator.tick()
    expect(experiments.get("banner-ctr")?.snapshot).not.toBe(before)
  })

  it("publishes, from no statistics until they answer", async () => {
    const { publish, experiments, logger } = await hanging()
    await publish({ description: "changed" })
    expect(logger.messages).toContain("warn: published without statistics")
    expect(experiments.get("banner-ctr")?.snapshot.experiment.description).toBe("changed")
  })
})
