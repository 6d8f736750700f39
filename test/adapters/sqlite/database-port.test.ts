import { join } from "node:path"
import { MessageChannel } from "node:worker_threads"
import { expect, it } from "vitest"
import { createSqliteCounterStore } from "#src/adapters/sqlite/counter-store.ts"
import { Database } from "#src/adapters/sqlite/database.ts"
import { DatabasePort } from "#src/adapters/sqlite/database-port.ts"
import { batchOf, place } from "#test/fold-batch.ts"
import { decisionEvent, rewardEvent } from "#test/outcomes.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const REWARD = rewardEvent()
const FIRST = batchOf([decisionEvent(), REWARD], { end: place(100) })
const UNAVAILABLE = { code: "store_unavailable" }

function given(path = join(temporaryFolder(), "gateway.db")) {
  const logger = createRememberingLogger()
  const database = new Database({ path }, logger)
  const ports = [0, 1].map(() => new DatabasePort((port) => database.connect(port)))
  const [own, one, other] = [database, ...ports].map(createSqliteCounterStore)
  if (own === undefined || one === undefined || other === undefined) throw new Error("three stores were made")
  return { logger, database, own, one, other }
}

it("answers every asker from the same database, each in the order of its requests", async () => {
  const { own, one, other } = given()
  const answers = await Promise.all([one.fold(FIRST), one.seen([REWARD]), one.positions("L1")])
  expect(answers).toEqual([{ status: "folded", answers: ["applied"] }, [true], new Map([["banner-ctr", place(100)]])])
  expect(await other.seen([REWARD])).toEqual([true])
  // The same reward by way of another log, as two threads write it at the same time.
  const again = batchOf([REWARD], { end: place(50), log: "L2" })
  expect(await other.fold(again)).toEqual({ status: "folded", answers: ["duplicate"] })
  expect(await own.contents()).toEqual(await one.contents())
  await own.close()
})

it("counts a reward once that comes by two ports at the same time, whichever is first", async () => {
  const { own, one, other } = given()
  const answers = await Promise.all([
    one.fold(batchOf([REWARD], { end: place(10), log: "L1" })),
    other.fold(batchOf([REWARD], { end: place(10), log: "L2" })),
  ])
  const folded = answers.flatMap((answer) => (answer.status === "folded" ? answer.answers : []))
  expect(folded.toSorted()).toEqual(["applied", "duplicate"])
  await own.close()
})

it("closes one connection and no other, and none outlives the database", async () => {
  const { own, one, other } = given()
  await one.fold(FIRST)
  await one.close()
  await expect(one.seen([REWARD])).rejects.toMatchObject(UNAVAILABLE)
  expect(await other.seen([REWARD])).toEqual([true])
  await own.close()
  await expect(other.seen([REWARD])).rejects.toMatchObject(UNAVAILABLE)
})

it("passes on why a request failed", async () => {
  const { own, one } = given("/proc/no/such/folder/gateway.db")
  await expect(one.seen([REWARD])).rejects.toMatchObject({ ...UNAVAILABLE, message: expect.stringContaining("seen") })
  await own.close()
})

it("fails what waits when the database's thread dies, and connects with the next one", async () => {
  const { logger, database, own, one, other } = given()
  await Promise.all([one.fold(FIRST), other.seen([REWARD])])
  // A message that no asker of ours sends ends the thread.
  const { port1, port2 } = new MessageChannel()
  database.connect(port2)
  port1.postMessage(null)
  const waiting = [one.contents(), other.seen([REWARD]), own.seen([REWARD])].map((answer) =>
    answer.then(
      () => "answered",
      (error: { code: string }) => error.code,
    ),
  )
  for (const outcome of await Promise.all(waiting)) expect(["answered", "store_unavailable"]).toContain(outcome)
  await expect.poll(() => logger.messages.join()).toContain("the database thread ended")
  await expect.poll(() => one.seen([REWARD]).catch(() => undefined)).toEqual([true])
  expect(await other.seen([REWARD])).toEqual([true])
  await own.close()
})
