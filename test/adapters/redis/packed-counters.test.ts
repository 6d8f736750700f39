import { expect, it } from "vitest"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { ExperimentKeys } from "#src/adapters/redis/keys.ts"
import { PackedCounters } from "#src/adapters/redis/packed-counters.ts"
import { batchOf, place } from "#test/fold-batch.ts"
import { decisionEvent, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { SharedClock } from "#test/shared-clock.ts"
import { SuiteRedis } from "./suite-redis.ts"

const redis = new SuiteRedis()

it("keeps no more memory than the lines take", async () => {
  const store = createRedisCounterStore(redis.clients, new SharedClock(), createRememberingLogger())
  await store.fold(batchOf([decisionEvent(), rewardEvent()], { end: place(1) }))
  const counters = new PackedCounters("banner-ctr", new ExperimentKeys("banner-ctr"))
  const { parts } = await counters.read(redis.clients.reading)
  expect(parts.length).toBeGreaterThan(3)
  for (const { bytes } of parts) expect(bytes.buffer.byteLength).toBe(bytes.length)
})
