import { expect, it } from "vitest"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { ExperimentKeys } from "#src/adapters/redis/keys.ts"
import { type Packed, PackedCounters } from "#src/adapters/redis/packed-counters.ts"
import { batchOf, place } from "#test/fold-batch.ts"
import { decisionEvent, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { SharedClock } from "#test/shared-clock.ts"
import { happensBefore } from "./happens-before.ts"
import { SuiteRedis } from "./suite-redis.ts"

const redis = new SuiteRedis()

it("reads everything where it is told to forget what it knew while it reads", async () => {
  const store = createRedisCounterStore(redis.clients, new SharedClock(), createRememberingLogger())
  const counters = new PackedCounters("banner-ctr", new ExperimentKeys("banner-ctr"))
  await store.fold(batchOf([decisionEvent(), rewardEvent()], { end: place(1) }))
  await counters.read(redis.clients.reading)
  const later = decisionEvent({ decisionId: "D2" })
  await store.fold(batchOf([later], { from: place(1), end: place(2) }))
  const reading = counters.read(redis.clients.reading)
  counters.forget()
  const fresh = await new PackedCounters("banner-ctr", new ExperimentKeys("banner-ctr")).read(redis.clients.reading)
  expect((await reading).parts).toHaveLength(fresh.parts.length)
  expect((await counters.read(redis.clients.reading)).parts).toHaveLength(fresh.parts.length)
})

it("reads everything anew where older data comes back while it reads, and another log is folded then", async () => {
  const store = createRedisCounterStore(redis.clients, new SharedClock(), createRememberingLogger())
  await store.fold(batchOf([decisionEvent()], { end: place(1) }))
  const comeBack = await redis.save()
  await store.fold(batchOf([decisionEvent({ decisionId: "D2" })], { from: place(1), end: place(2) }))
  const client = happensBefore(redis.clients.reading, "multi", 1, async () => {
    await comeBack()
    const other = createRedisCounterStore(redis.clients, new SharedClock(), createRememberingLogger())
    await other.fold(batchOf([decisionEvent({ decisionId: "D3", variant: "challenger" })], { log: "B", end: place(1) }))
  })
  const textOf = ({ parts }: Packed) => parts.map(({ bytes }) => new TextDecoder().decode(bytes)).slice(1)
  const read = await new PackedCounters("banner-ctr", new ExperimentKeys("banner-ctr")).read(client)
  expect(read.logs.get("L1")).toEqual(place(1))
  const fresh = await new PackedCounters("banner-ctr", new ExperimentKeys("banner-ctr")).read(redis.clients.reading)
  expect(textOf(read)).toEqual(textOf(fresh))
})

it("keeps no more memory than the lines take", async () => {
  const store = createRedisCounterStore(redis.clients, new SharedClock(), createRememberingLogger())
  await store.fold(batchOf([decisionEvent(), rewardEvent()], { end: place(1) }))
  const counters = new PackedCounters("banner-ctr", new ExperimentKeys("banner-ctr"))
  const { parts } = await counters.read(redis.clients.reading)
  expect(parts.length).toBeGreaterThan(3)
  for (const { bytes } of parts) expect(bytes.buffer.byteLength).toBe(bytes.length)
})
