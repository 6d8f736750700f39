import { expect, it } from "vitest"
import { StandingQueue } from "#src/http/overload/standing-queue.ts"

const KNOBS = { targetMs: 5, intervalMs: 100 }

it("a queue stands when everybody waits longer than the target for an interval", () => {
  const queue = new StandingQueue(KNOBS)
  for (let nowMs = 1_000; nowMs < 1_099; nowMs += 3) queue.observe(8, 100, nowMs)
  expect(queue.stands(1_099)).toBe(false)
  queue.observe(8, 100, 1_100)
  expect(queue.stands(1_100)).toBe(true)
})

it("a burst's queue does not stand, however long it is, when somebody waits hardly at all", () => {
  const queue = new StandingQueue(KNOBS)
  for (let nowMs = 990; nowMs < 3_000; nowMs += 3) {
    queue.observe(nowMs % 90 === 0 ? 1 : 60, 100, nowMs)
    expect(queue.stands(nowMs)).toBe(false)
  }
})

it("nobody waits in an interval without work", () => {
  const queue = new StandingQueue(KNOBS)
  for (let nowMs = 1_000; nowMs <= 1_200; nowMs += 3) queue.observe(8, 100, nowMs)
  expect(queue.stands(1_201)).toBe(true)
  expect(queue.stands(1_500)).toBe(false)
})

it("knows how many can wait from how fast others went", () => {
  const queue = new StandingQueue(KNOBS)
  expect(queue.roomWithinTarget).toBe(0)
  for (let i = 0; i < 100; i++) queue.observe(10, 200, i)
  expect(queue.roomWithinTarget).toBe(100)
  for (let i = 0; i < 100; i++) queue.observe(40, 200, 100 + i)
  expect(queue.roomWithinTarget).toBe(25)
  queue.observe(0, 0, 201)
  expect(queue.roomWithinTarget).toBe(25)
})
