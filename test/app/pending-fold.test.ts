import { expect, it } from "vitest"
import { PendingFold } from "#src/app/pending-fold.ts"
import type { LogEntry } from "#src/ports/outcome-log.ts"
import { rewardEvent } from "#test/outcomes.ts"

function decision(bucket: number, learn = true): LogEntry {
  return { kind: "decision", key: { experiment: "e", variant: "a", metric: "click", bucket }, learn }
}

it("has nothing to take before anything was added", () => {
  const pending = new PendingFold()
  expect(pending.isEmpty).toBe(true)
  expect(pending.take()).toBeUndefined()
})

it("adds decisions up by counter and keeps rewards in log order", () => {
  const pending = new PendingFold()
  const rewards = [rewardEvent({ decisionId: "D2" }), rewardEvent({ decisionId: "D1" })]
  pending.add([decision(1), decision(2), decision(1), decision(1, false), { kind: "experiment" }], {
    file: 1,
    offset: 10,
  })
  pending.add(
    rewards.map((event) => ({ kind: "reward", event })),
    { file: 1, offset: 20 },
  )
  expect(pending.rewards).toBe(2)
  const batch = pending.take()
  expect(batch?.decisions.map(({ key, delta }) => [key.bucket, delta.decisions])).toEqual([
    [1, 2],
    [2, 1],
  ])
  expect(batch).toMatchObject({ rewards, end: { file: 1, offset: 20 } })
  expect(pending.isEmpty).toBe(true)
  expect(pending.rewards).toBe(0)
})

it("stays small however long nothing is taken, and loses no decision", () => {
  const pending = new PendingFold()
  const seconds = 250_000
  for (let bucket = 0; bucket < seconds; bucket++) pending.add([decision(bucket)], { file: 1, offset: bucket + 1 })
  const batch = pending.take()
  expect(batch?.decisions.length).toBeLessThan(110_000)
  expect(batch?.decisions.reduce((sum, { delta }) => sum + delta.decisions, 0)).toBe(seconds)
})
