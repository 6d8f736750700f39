import * as fc from "fast-check"
import { describe, expect, it, onTestFinished } from "vitest"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { LOGS } from "#src/adapters/redis/keys.ts"
import { countGoneLogs } from "#src/app/count-gone-logs.ts"
import type { CopiedLog } from "#src/ports/copied-log.ts"
import { gather, shippedLines } from "#test/adapters/ndjson/shipped-lines.ts"
import { SuiteRedis } from "#test/adapters/redis/suite-redis.ts"
import { countedIn } from "#test/contract/opened-store.ts"
import { ALL_OF_CHAMPION, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { SharedClock } from "#test/shared-clock.ts"
import { SharedGateway } from "./shared-gateway.ts"

const SHORT_WAITS = { checkpointMs: 50, logsMs: 200, creditsMs: 100 }

describe("given a gateway that is gone with its disk, and the stream's copy of its log", () => {
  const redis = new SuiteRedis()

  async function started(waits: ConstructorParameters<typeof SharedGateway>[1] = SHORT_WAITS) {
    const gateway = await new SharedGateway(redis.clients, waits).start()
    onTestFinished(() => gateway.stop())
    return gateway
  }

  /** A gateway that took some outcomes and was stopped, its log in several files. */
  async function gone(count = 30): Promise<SharedGateway> {
    const gateway = await started()
    for (let index = 0; index < count; index++) {
      gateway.take(`g${index}`, index % 3 === 0 ? "another" : "banner-ctr")
      if (index % 4 === 0) await gateway.flush()
    }
    await gateway.flush()
    await gateway.stop()
    return gateway
  }

  function newStore() {
    const clock = new SharedClock()
    return { store: createRedisCounterStore(redis.clients, clock, createRememberingLogger()), clock }
  }

  async function count(
    copies: readonly CopiedLog[],
    { logs = [], overGaps = false }: { readonly logs?: readonly SharedGateway[]; readonly overGaps?: boolean } = {},
  ) {
    const logger = createRememberingLogger()
    return await countGoneLogs({ ...newStore(), logs, copies, logger, overGaps }, () => {})
  }

  const counted = async () => await countedIn(newStore().store)
  const copiesOf = async (lines: readonly string[]) => await (await gather(lines)).logs()
  const WHOLE = { missing: [], running: [], lapsed: [], contradicted: [] }

  it("counts the same as the folder, whatever the order and repetitions of its lines, and once", async () => {
    const gateway = await gone()
    const lines = await shippedLines(gateway.folder)
    const expected = await counted()
    await redis.server.admin.flushall()
    await count([], { logs: [gateway] })
    expect(await counted()).toEqual(expected)
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(lines, { minLength: lines.length }),
        fc.array(fc.constantFrom(...lines)),
        async (all, again) => {
          await redis.server.admin.flushall()
          const copies = await copiesOf([...again, ...all])
          expect(await count(copies)).toEqual({ events: lines.length, skipped: 0, ...WHOLE })
          expect(await counted()).toEqual(expected)
          expect(await count(copies)).toMatchObject({ events: 0, missing: [] })
          expect(await counted()).toEqual(expected)
        },
      ),
      { numRuns: 10 },
    )
  })

  it("counts copies that overlap, one after the other, and a copy with what is left of the folder", async () => {
    const gateway = await gone()
    const lines = await shippedLines(gateway.folder)
    const expected = await counted()
    await redis.server.admin.flushall()
    expect(await count(await copiesOf(lines.slice(0, 25)))).toMatchObject({ events: 25, missing: [] })
    expect((await count(await copiesOf(lines.slice(15)))).missing).toEqual([])
    expect(await counted()).toEqual(expected)
    await redis.server.admin.flushall()
    const [first, ...others] = (await gateway.segments.list()).map(({ file }) => file)
    await gateway.segments.remove(first ?? 0)
    expect(others.length).toBeGreaterThan(1)
    expect((await count(await copiesOf(lines.slice(0, 40)), { logs: [gateway] })).missing).toEqual([])
    expect(await counted()).toEqual(expected)
  })

  it("says exactly what is missing, counts up to there, and goes on with a copy that has it", async () => {
    const gateway = await gone()
    const lines = await shippedLines(gateway.folder)
    const expected = await counted()
    await redis.server.admin.flushall()
    const copies = await copiesOf(lines.toSpliced(4, 3))
    const [first, second] = copies[0]?.runs ?? []
    const { events, missing } = await count(copies)
    expect(events).toBe(4)
    expect(missing).toEqual([
      {
        log: gateway.log.id,
        from: { file: first?.end.file, offset: first?.end.offset },
        to: second?.begin,
        bytes: (second?.begin?.offset ?? 0) - (first?.end.offset ?? 0),
        experiments: expect.arrayContaining(["another", "banner-ctr"]),
      },
    ])
    expect(missing[0]?.bytes).toBeGreaterThan(0)
    expect((await count(await copiesOf(lines))).missing).toEqual([])
    expect(await counted()).toEqual(expected)
  })

  it("counts over missing lines only where that is wished, and never counts them then", async () => {
    const gateway = await gone()
    const lines = await shippedLines(gateway.folder)
    await redis.server.admin.flushall()
    const copies = await copiesOf(lines.toSpliced(4, 3))
    const { events, missing } = await count(copies, { overGaps: true })
    expect([events, missing.length]).toEqual([lines.length - 3, 1])
    const without = await counted()
    expect((await count(await copiesOf(lines))).events).toBe(0)
    expect(await counted()).toEqual(without)
  })

  it("counts nothing of a copy that begins after where the counters stand", async () => {
    const gateway = await gone()
    const lines = await shippedLines(gateway.folder)
    await redis.server.admin.flushall()
    const { events, missing } = await count(await copiesOf(lines.slice(20)))
    expect([events, missing]).toEqual([0, [expect.objectContaining({ from: undefined, log: gateway.log.id })]])
    expect((await counted()).size).toBe(0)
  })

  it("counts a log that went by two ids, each once", async () => {
    const gateway = await started()
    gateway.take("g1")
    await gateway.flush()
    await gateway.log.renew()
    gateway.take("g2")
    await gateway.flush()
    await gateway.stop()
    const expected = await counted()
    const lines = await shippedLines(gateway.folder)
    await redis.server.admin.flushall()
    const copies = await copiesOf(lines.toReversed())
    expect(copies).toHaveLength(2)
    expect(await count(copies)).toMatchObject({ events: 4, ...WHOLE })
    expect(await counted()).toEqual(expected)
  })

  it("leaves the logs of gateways that run to them, and a log whose lines differ from what was counted", async () => {
    const running = await started()
    running.take("r1")
    await running.flush()
    await running.store.alive(running.log.id, 0)
    const lines = await shippedLines(running.folder)
    const before = await counted()
    const copies = await copiesOf(lines)
    expect(await count(copies)).toMatchObject({ events: 0, running: [running.log.id] })
    await redis.server.admin.del(LOGS.seen)
    const other = lines.map((line) => line.replace('"revision":1', '"revision":2'))
    expect(await count(await copiesOf(other))).toMatchObject({ events: 0, contradicted: [running.log.id] })
    expect(await counted()).toEqual(before)
  })

  it("brings back what the newest checkpoint lacks, and credits, so that nothing is partial any more", async () => {
    const [a, lost] = [
      await started({ logsMs: 1_500, creditsMs: 500 }),
      await started({ logsMs: 1_500, creditsMs: 500 }),
    ]
    a.take("a1")
    lost.take("g1")
    await lost.flush()
    await a.checkpoint()
    lost.take("g2")
    await lost.flush()
    await lost.stop()
    const lines = await shippedLines(lost.folder)
    const before = await counted()
    await redis.server.admin.flushall()
    await a.look()
    const statistics = async () => await a.store.statistics("banner-ctr", ALL_OF_CHAMPION)
    await expect
      .poll(async () => await statistics().catch(() => undefined), { timeout: 10_000 })
      .toMatchObject({ partial: [lost.log.id], variants: [{ n: 2 }] })
    // Without its first lines, repeated rewards couldn't be told.
    expect(await count(await copiesOf(lines.slice(2)))).toMatchObject({
      events: 0,
      missing: [{ log: lost.log.id, from: undefined, experiments: ["banner-ctr"] }],
    })
    expect(await statistics()).toMatchObject({ partial: [lost.log.id], variants: [{ n: 2 }] })
    expect(await count(await copiesOf(lines.toReversed()))).toMatchObject({ events: 2, ...WHOLE })
    expect(await statistics()).not.toHaveProperty("partial")
    expect(await counted()).toEqual(before)
    await a.look()
    expect(
      await a.recorder.recordRewards([rewardEvent({ decisionId: "g1" }), rewardEvent({ decisionId: "g2" })]),
    ).toEqual(["duplicate", "duplicate"])
    expect(await counted()).toEqual(before)
  })
})
