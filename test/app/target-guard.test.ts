import * as fc from "fast-check"
import { expect, it } from "vitest"
import { TargetGuard } from "#src/app/target-guard.ts"
import type { OutboundHttp, OutboundResult } from "#src/ports/outbound-http.ts"
import { FakeClock } from "./rig.ts"

const REQUEST = { method: "POST", path: "/", headers: {}, body: "" } as const
const status = (code: number): OutboundResult => ({
  ok: true,
  answer: { status: code, headers: {}, bytes: new Uint8Array(0) },
})
const failure = (kind: "unreachable" | "reset" | "broken" | "too_large" | "late"): OutboundResult => ({
  ok: false,
  failure: kind,
  error: new Error(kind),
})

/** A guard over a server that gives the answers in turn, the last for ever; each takes ten milliseconds, a late one longer. */
function guarded(results: readonly OutboundResult[], maxConcurrent = 4) {
  const clock = new FakeClock()
  const held: (() => void)[] = []
  const state = { sent: 0, hold: false, lateAfterMs: 80 }
  const outbound: OutboundHttp = {
    send: async () => {
      const result = results[Math.min(state.sent++, results.length - 1)] as OutboundResult
      clock.advance((!result.ok && result.failure === "late" ? state.lateAfterMs : 10) / 1000)
      if (state.hold) await new Promise<void>((resolve) => held.push(resolve))
      return result
    },
    close: async () => {},
  }
  const guard = new TargetGuard({ name: "t", outbound, maxConcurrent }, clock, () => 0.5)
  const model = guard.forModel()
  const send = async (timeoutMs = 80): Promise<string> => {
    try {
      return String((await model.send(REQUEST, timeoutMs)).status)
    } catch (error) {
      return (error as { readonly code: string }).code
    }
  }
  return { clock, guard, model, send, state, held }
}

it.each([
  ["a connection that was never made", failure("unreachable"), 2],
  ["a connection that ended before the answer", failure("reset"), 2],
  ["429", status(429), 2],
  ["502", status(502), 2],
  ["503", status(503), 2],
  ["500", status(500), 1],
  ["422", status(422), 1],
  ["a redirect", status(302), 1],
  ["half an answer", failure("broken"), 1],
  ["too much of an answer", failure("too_large"), 1],
])("after %s: sends a second time only where that may help", async (_, result, sent) => {
  const { send, state, guard } = guarded([result, status(200)])
  expect(await send()).toBe(sent === 2 ? "200" : "backend_failed")
  expect([state.sent, guard.counts.calls, guard.counts.retries]).toEqual([sent, sent, sent - 1])
})

it("doesn't try again where less time is left than an answer usually takes", async () => {
  const { send, state } = guarded([status(200), status(503)])
  await send()
  expect([await send(15), state.sent]).toEqual(["backend_failed", 2])
})

it("sends at most a tenth more calls than requests and three in any ten seconds, whatever fails and when", async () => {
  const results = [status(200), status(429), status(502), status(503), status(500), failure("reset"), failure("late")]
  const step = fc.record({
    result: fc.constantFrom(...results),
    together: fc.integer({ min: 1, max: 4 }),
    pauseMs: fc.nat(400),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 150 }), async (steps) => {
      const clock = new FakeClock()
      const sent: { readonly atMs: number; readonly retry: boolean }[] = []
      let result = status(200)
      const seen = new Set<object>()
      const outbound: OutboundHttp = {
        send: async (request) => {
          sent.push({ atMs: clock.monotonicMs(), retry: seen.has(request) })
          seen.add(request)
          clock.advance(0.001)
          return result
        },
        close: async () => {},
      }
      const guard = new TargetGuard({ name: "t", outbound, maxConcurrent: 4 }, clock, () => 0.5)
      // A circuit each, as if no model had ever failed: what is left is the budget.
      for (const { together, pauseMs, ...step } of steps) {
        result = step.result
        await Promise.allSettled(Array.from({ length: together }, () => guard.forModel().send({ ...REQUEST }, 80)))
        clock.advance(pauseMs / 1000)
      }
      const excess = sent.map(({ atMs: startMs }, from) => {
        let owed = 0
        let most = 0
        for (const { atMs, retry } of sent.slice(from)) {
          if (atMs - startMs >= 10_000) break
          owed += retry ? 1 : -0.1
          most = Math.max(most, owed)
        }
        return most
      })
      expect(Math.max(...excess)).toBeLessThanOrEqual(3 + 1e-9)
      expect(sent.length).toBe(guard.counts.calls)
    }),
    { numRuns: 60 },
  )
})

it("leaves a model alone that failed five times, and asks others of the same server", async () => {
  const { send, guard, model, clock, state } = guarded([status(500)])
  for (let i = 0; i < 5; i++) expect(await send()).toBe("backend_failed")
  expect([await send(), model.isReady(), state.sent]).toEqual(["backend_unavailable", false, 5])
  expect(model.health()).toEqual({ target: "t", circuit: "open", lastFailure: "status 500" })
  expect(guard.circuits()).toEqual({ closed: 0, open: 1, half_open: 0 })
  expect(guard.forModel().isReady()).toBe(true)
  clock.advance(5)
  expect(await send()).toBe("backend_failed")
  expect(state.sent).toBe(6)
})

it("blames a model for being late only where it had its usual time", async () => {
  const { send, model } = guarded([status(200), failure("late")])
  await send()
  for (let i = 0; i < 5; i++) expect(await send()).toBe("deadline_exceeded")
  expect(model.health().circuit).toBe("open")
})

it("doesn't blame it where the caller had no patience", async () => {
  const { send, model, state } = guarded([status(200), failure("late")])
  state.lateAfterMs = 5
  await send()
  for (let i = 0; i < 50; i++) expect(await send(5)).toBe("deadline_exceeded")
  expect(model.health().circuit).toBe("closed")
})

it("doesn't blame it for a refusal", async () => {
  const { send, model } = guarded([status(422)])
  for (let i = 0; i < 50; i++) await send()
  expect(model.health()).toMatchObject({ circuit: "closed", lastFailure: "status 422" })
})

it("has no more calls under way than it may, and queues none", async () => {
  const { send, state, held, guard } = guarded([status(200)], 2)
  state.hold = true
  const first = [send(), send()]
  expect([await send(), guard.counts.refused]).toEqual(["backend_unavailable", 1])
  for (const release of held) release()
  expect(await Promise.all(first)).toEqual(["200", "200"])
  state.hold = false
  expect(await send()).toBe("200")
})
