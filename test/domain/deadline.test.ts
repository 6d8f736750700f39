import { expect, it } from "vitest"
import { requestDeadlineMs } from "#src/domain/deadline.ts"

it.each([
  [100, undefined, 100],
  [60_000, undefined, 60_000],
  [100, 50, 50],
  [100, 1500, 1500],
  [100, 9_999, 2_000],
  [60_000, 9_999, 9_999],
  [60_000, 1e9, 60_000],
  [100, 0, 5],
  [100, -1, 5],
])("is, of an experiment's %i and the %s that was asked for, %i", (deadlineMs, asked, expected) => {
  expect(requestDeadlineMs({ deadlineMs }, asked)).toBe(expected)
})
