import { expect, it } from "vitest"
import type { StatisticsQuery } from "#src/domain/statistics.ts"
import { decisions, NOON } from "#test/outcomes.ts"
import { openTables } from "./opened-tables.ts"

const MINUTE = 60
const HOUR = 3_600
const DAY = 24 * HOUR
const WEEK = 7 * DAY

/** Seconds between two decisions. */
const EVERY = 10

/** Steady traffic: the number of decisions that a memory holds says how many seconds it reaches back. */
function secondsRemembered(memorySeconds: number, maturationSeconds: number): number[] {
  const { counters, clock, fold, tidy } = openTables()
  counters.keep("banner-ctr", { memorySeconds, forgottenAfterSeconds: memorySeconds, maturationSeconds })
  const key = { experiment: "banner-ctr", cohort: "learned", variant: "champion", series: 1 } as const
  const asked = {
    metric: "click",
    bound: 1,
    series: { champion: 1 },
    maturation: { kind: "window", seconds: maturationSeconds },
  } as const
  const memory: StatisticsQuery["memory"] = { kind: "window", seconds: memorySeconds }
  const read: number[] = []
  const step = 10 * MINUTE
  const start = NOON / 1000
  const full = maturationSeconds + memorySeconds + 2 * step
  for (let passed = 0; passed < full + 6 * HOUR; passed += step) {
    const seconds = Array.from({ length: step / EVERY }, (_, index) => start + passed + index * EVERY)
    clock.pass(step * 1000)
    fold({ counters: seconds.map((bucket) => decisions({ ...key, bucket }, 1)) })
    tidy()
    if (passed < full) continue
    // At odd seconds too: the edges of buckets are where counts go wrong.
    for (const later of [0, 7, 31]) {
      const { variants } = counters.statistics("banner-ctr", { ...asked, memory, now: clock.now() + later * 1000 })
      read.push((variants[0]?.n ?? 0) * EVERY)
    }
  }
  return read
}

it.each([
  ["an hour under a week's attribution", HOUR, WEEK],
  ["half an hour under a week's attribution", HOUR / 2, WEEK],
  ["ten minutes under a day's attribution", 10 * MINUTE, DAY],
  ["ten minutes under an hour's attribution", 10 * MINUTE, HOUR],
  ["half a day that counts at once", DAY / 2, 0],
])("reaches back as far as it says, within a sixtieth, with a memory of %s", (_, memory, maturation) => {
  const remembered = secondsRemembered(memory, maturation)
  expect(remembered.length).toBeGreaterThanOrEqual(3 * 36)
  for (const seconds of remembered) expect(Math.abs(seconds - memory)).toBeLessThanOrEqual(memory / 60)
})
