import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it, onTestFinished } from "vitest"
import { parseConfig } from "#src/config.ts"
import { StreamShipping, shippingOf } from "#src/entry/shipping/stream-shipping.ts"
import { FaultyKinesis, TAKEN } from "#test/adapters/kinesis/faulty-kinesis.ts"
import { decisionEvent } from "#test/outcomes.ts"
import { realClock } from "#test/real-clock.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const POLL = { timeout: 20_000 }

it("starts its thread again after it has ended, and goes on", { timeout: 60_000 }, async () => {
  const kinesis = await FaultyKinesis.start(() => TAKEN)
  // The thread has the environment that this one has when it starts.
  const settings = {
    AWS_ENDPOINT_URL_KINESIS: kinesis.endpoint,
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: "any",
    AWS_SECRET_ACCESS_KEY: "any",
  }
  Object.assign(process.env, settings)
  onTestFinished(() => {
    for (const name of Object.keys(settings)) Reflect.deleteProperty(process.env, name)
  })
  const dataDir = temporaryFolder()
  const outcomes = join(dataDir, "outcomes")
  // No folder can be read here: the thread ends with that.
  writeFileSync(outcomes, "")
  const logger = createRememberingLogger()
  const shipping = new StreamShipping({
    dataDir,
    stream: "outcomes",
    logLevel: "error",
    drainMs: 5_000,
    clock: realClock,
    logger: { ...logger, take: () => {} },
  })
  onTestFinished(() => shipping.end())
  shipping.start()
  await expect
    .poll(() => shipping.part, POLL)
    .toMatchObject({
      ready: false,
      detail: expect.stringContaining("the shipping thread has ended"),
    })
  expect(logger.messages[0]).toContain("it is started again")

  rmSync(outcomes)
  mkdirSync(outcomes)
  const line = JSON.stringify(decisionEvent({ decisionId: "D1" }))
  writeFileSync(join(outcomes, "outcomes-00000001.ndjson"), `${line}\n`)
  await expect.poll(() => shipping.readings["bandit_stream_events_sent"]?.read(), POLL).toBe(1)
  expect(shipping.part).toEqual({ ready: true, required: false, detail: "about 0 events wait" })
  expect(shipping.readings["bandit_stream_lag_seconds"]?.read()).toBe(0)
  await shipping.stop()
  expect(kinesis.lines).toEqual([line])
})

it("says that a cursor holds the log back where no stream is named any more", () => {
  const dataDir = temporaryFolder()
  const logger = { ...createRememberingLogger(), take: () => {}, flush: () => {} }
  expect(shippingOf({ config: parseConfig({}), dataDir, logger })).toBeUndefined()
  expect(logger.messages).toEqual([])
  mkdirSync(join(dataDir, "cursors"))
  writeFileSync(join(dataDir, "cursors", "kinesis.json"), "{}")
  expect(shippingOf({ config: parseConfig({}), dataDir, logger })).toBeUndefined()
  expect(logger.messages).toEqual([expect.stringContaining("remove it where none is wanted")])
})
