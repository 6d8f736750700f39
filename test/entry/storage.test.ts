import { expect, it, onTestFinished } from "vitest"
import type { StoredPosition } from "#src/domain/counter-contents.ts"
import { openRecording } from "#src/entry/recording.ts"
import { openSharedStore } from "#src/entry/shared-store.ts"
import { Storage } from "#src/entry/storage.ts"
import { TurnEnd } from "#src/entry/turn-end.ts"
import { addressOf, startRedis } from "#test/adapters/redis/redis-servers.ts"
import { decisionEvent, factsOf, rewardEvent } from "#test/outcomes.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

it("brings the credits of a thread's log back that was made after the store was ready, at a first start", async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.stop())
  const logger = createRememberingLogger()
  const shared = await openSharedStore(addressOf(redis), "log", realClock, logger)
  const dataDir = temporaryFolder()
  const storage = new Storage({ dataDir, threads: 2, shared, clock: realClock, logger })
  const { archive, experimentStore, checkpoints, database } = storage
  await storage.prepare()
  const recording = await openRecording({
    dataDir,
    thread: 2,
    archive,
    experimentStore,
    durability: "log",
    prepare: () => storage.prepare(),
    turnEnd: new TurnEnd(),
    clock: realClock,
    logger,
  })
  onTestFinished(async () => {
    await recording.close()
    await database.close()
    await shared.close()
  })
  const { recorder } = recording
  const decidedAt = Date.now()
  const decision = decisionEvent({ decidedAt })
  const reward = rewardEvent({ decidedAt })
  await recorder.recordDecision(JSON.stringify(decision), factsOf(decision))
  expect(await recorder.recordRewards([reward])).toEqual(["applied"])
  const { positions, bytes } = await archive.pack()
  const [{ log, position }] = positions as [StoredPosition]
  await checkpoints.write({ logs: [{ log, watermark: position }], foldedTo: decidedAt }, [], bytes)

  await redis.admin.flushall()
  const lacks = async () => {
    await storage.restoreLost()
    return storage.losses
  }
  await storage.restoreLost()
  await expect.poll(lacks, { timeout: 20_000 }).toEqual([])
  expect(logger.messages).toContain("info: credits of a log are back")
  expect(await recorder.recordRewards([reward])).toEqual(["duplicate"])
})
