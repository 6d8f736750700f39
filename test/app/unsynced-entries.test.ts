import { expect, it } from "vitest"
import type { LogEntry } from "#src/app/log-entry.ts"
import { type DurablePlace, UnsyncedEntries } from "#src/app/unsynced-entries.ts"
import type { LogEnd } from "#src/ports/outcome-log.ts"

const AUDIT: LogEntry = { kind: "audit" }

function place(offset: number): DurablePlace {
  return { end: { file: 1, offset, hash: `hash of ${offset}` }, heardAt: offset }
}

function given() {
  const taken: [number, DurablePlace][] = []
  const unsynced = new UnsyncedEntries((entries, heard) => taken.push([entries.length, heard]))
  /** A write with one entry. */
  const write = () => {
    const { promise, resolve } = Promise.withResolvers<LogEnd | undefined>()
    unsynced.add({ written: promise, answered: Promise.resolve(true) }, AUDIT)
    return async (offset: number | undefined) => {
      resolve(offset === undefined ? undefined : { file: 1, offset })
      await promise
      await Promise.resolve()
    }
  }
  return { taken, unsynced, write }
}

it("hands over what is durable, and keeps what isn't", async () => {
  const { taken, unsynced, write } = given()
  await write()(10)
  await write()(20)
  await write()(30)
  unsynced.synced(place(20))
  expect(taken).toEqual([[2, place(20)]])
  unsynced.synced(place(30))
  expect(taken).toEqual([
    [2, place(20)],
    [1, place(30)],
  ])
})

// What a store has folded up to a place is all that it ever takes of what lies before it.
it("hands over all that lies before a place at once, also when a sync is heard of before the write that it covers", async () => {
  const { taken, unsynced, write } = given()
  const [first, second] = [write(), write()]
  await first(10)
  unsynced.synced(place(20))
  expect(taken).toEqual([])
  await second(20)
  expect(taken).toEqual([[2, place(20)]])
})

it("waits for no write that lies behind the place, once it is known to, nor for one that is dropped", async () => {
  const { taken, unsynced, write } = given()
  const [first, second, third] = [write(), write(), write()]
  await first(10)
  unsynced.synced(place(10))
  await second(undefined)
  await third(30)
  expect(taken).toEqual([[1, place(10)]])
  unsynced.synced(place(30))
  expect(taken).toEqual([
    [1, place(10)],
    [1, place(30)],
  ])
})

it("gives a place that nothing new lies before: others are told how far all is folded", async () => {
  const { taken, unsynced, write } = given()
  await write()(10)
  unsynced.synced(place(10))
  unsynced.synced(place(20))
  expect(taken).toEqual([
    [1, place(10)],
    [0, place(20)],
  ])
})

it("gives the newest place of those that were heard of while a write was waited for", async () => {
  const { taken, unsynced, write } = given()
  const [first, second] = [write(), write()]
  unsynced.synced(place(10))
  await first(10)
  unsynced.synced(place(20))
  await second(20)
  expect(taken).toEqual([[2, place(20)]])
})

it("says when all that was added is handed over or dropped", async () => {
  const { unsynced, write } = given()
  const [first, second] = [write(), write()]
  let isDone = false
  const waiting = (async () => {
    await unsynced.handedOver()
    isDone = true
  })()
  const later = write()
  unsynced.synced(place(20))
  await first(10)
  await second(undefined)
  expect(isDone).toBe(false)
  await later(30)
  await waiting
})
