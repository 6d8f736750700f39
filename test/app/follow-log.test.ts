import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { LogCursorFile, readCursorFile } from "#src/adapters/node-files/log-cursor.ts"
import { LogFollower } from "#src/app/follow-log.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { LoggedOutcomes } from "./logged-outcomes.ts"

async function given() {
  const gateway = new LoggedOutcomes(temporaryFolder())
  const process = await gateway.start(createMemoryCounterStore())
  const path = join(temporaryFolder(), "cursor.json")
  const taken: string[] = []
  const logger = createRememberingLogger()
  const receiver = { fails: false }
  /** A follower as a process of its own has it: what it remembers is in its cursor file. */
  const follower = () =>
    new LogFollower({
      reader: gateway.reader,
      cursor: new LogCursorFile(path).cursor(1),
      logger,
      take: async ({ lines }) => {
        if (receiver.fails) throw new Error("the receiver is away")
        taken.push(...lines.map((line) => JSON.parse(line).decisionId))
      },
    })
  return { gateway, ...process, follower, taken, receiver, logger, path }
}

describe("given a log that grows", () => {
  it("hands over every line once, in order, across restarts of the follower", async () => {
    const { decide, recorder, follower, taken } = await given()
    await decide("D1", "D2")
    expect(await follower().catchUp()).toBe(true)
    await decide("D3")
    const second = follower()
    expect(await second.catchUp()).toBe(true)
    await decide("D4")
    expect(await second.catchUp()).toBe(true)
    expect(await follower().catchUp()).toBe(false)
    expect(taken).toEqual(["D1", "D2", "D3", "D4"])
    await recorder.close()
  })

  it("hands over again what a receiver did not take", async () => {
    const { decide, recorder, follower, taken, receiver } = await given()
    await decide("D1")
    const one = follower()
    receiver.fails = true
    await expect(one.catchUp()).rejects.toThrow("the receiver is away")
    receiver.fails = false
    expect(await one.catchUp()).toBe(true)
    expect(taken).toEqual(["D1"])
    await recorder.close()
  })

  it("begins anew, and says so, where the log isn't the one that was followed", async () => {
    const { decide, recorder, follower, taken, logger, gateway } = await given()
    await decide("D1", "D2")
    await follower().catchUp()
    await recorder.close()
    const other = new LoggedOutcomes(gateway.folder)
    rmSync(gateway.outcomes, { recursive: true })
    const again = await other.start(createMemoryCounterStore())
    await again.decide("E1", "E2")
    expect(await follower().catchUp()).toBe(true)
    expect(taken).toEqual(["D1", "D2", "E1", "E2"])
    expect(logger.messages).toEqual([expect.stringContaining("followed from its beginning")])
    await again.recorder.close()
  })
})

it("refuses a cursor file that isn't one, and says how to begin anew", async () => {
  const { follower, path, recorder } = await given()
  writeFileSync(path, "not a cursor")
  await expect(follower().catchUp()).rejects.toMatchObject({
    code: "store_unavailable",
    message: expect.stringContaining("remove it"),
  })
  await recorder.close()
})

it("keeps the cursors of several logs in one file, and goes on from one that a single log has left", async () => {
  const path = join(temporaryFolder(), "cursor.json")
  const at = (file: number) => ({ file, offset: 40, hash: "abc" })
  await new LogCursorFile(path).cursor(1).save(at(1))
  const file = new LogCursorFile(path)
  expect([await file.cursor(1).load(), await file.cursor(2).load()]).toEqual([at(1), undefined])
  await file.cursor(3).save(at(3))
  await file.cursor(1).save(at(2))
  expect(await readCursorFile(path)).toEqual(
    new Map([
      [1, at(2)],
      [3, at(3)],
    ]),
  )
  writeFileSync(path, '{"v":1,"threads":{"2":{"file":1}}}')
  await expect(readCursorFile(path)).rejects.toThrow(/is not a log cursor/)
})
