import * as fc from "fast-check"
import { expect, it } from "vitest"
import { RetryBudget } from "#src/domain/backends/retry-budget.ts"

it("gives three retries to whoever has made no request, and three more ten seconds after the last", () => {
  const budget = new RetryBudget()
  expect([0, 1, 2, 3, 9_000].map((ms) => budget.take(ms))).toEqual([true, true, true, false, false])
  expect(budget.take(10_002)).toBe(true)
})

it("gives one more for every ten requests", () => {
  const budget = new RetryBudget()
  for (let i = 0; i < 3; i++) budget.take(0)
  for (let i = 0; i < 9; i++) budget.requested()
  expect(budget.take(0)).toBe(false)
  budget.requested()
  expect([budget.take(0), budget.take(0)]).toEqual([true, false])
})

it("keeps attempts within 1.1 times the requests and three in any ten seconds, whatever the pattern", () => {
  const events = fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 3000 }), fails: fc.boolean() }), {
    minLength: 50,
    maxLength: 400,
  })
  fc.assert(
    fc.property(events, (requests) => {
      const budget = new RetryBudget()
      const sent: { atMs: number; retry: boolean }[] = []
      let nowMs = 0
      for (const { afterMs, fails } of requests) {
        nowMs += afterMs % 5 === 0 ? afterMs : afterMs % 7
        budget.requested()
        sent.push({ atMs: nowMs, retry: false })
        if (fails && budget.take(nowMs)) sent.push({ atMs: nowMs, retry: true })
      }
      for (let from = 0; from < sent.length; from++) {
        let asked = 0
        let retried = 0
        const startMs = (sent[from] as { atMs: number }).atMs
        for (const { atMs, retry } of sent.slice(from)) {
          if (atMs - startMs >= 10_000) break
          if (retry) retried++
          else asked++
          expect(retried).toBeLessThanOrEqual(0.1 * asked + 3)
        }
      }
    }),
  )
})
