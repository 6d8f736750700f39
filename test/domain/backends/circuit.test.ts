import * as fc from "fast-check"
import { expect, it } from "vitest"
import { Circuit } from "#src/domain/backends/circuit.ts"

const EVEN = () => 0.5

function failing(circuit: Circuit, times: number, nowMs: number) {
  for (let i = 0; i < times; i++) {
    circuit.enter(nowMs)
    circuit.failed(nowMs)
  }
}

it("opens at five failures in a row, lets one try after five seconds, and closes when that is answered", () => {
  const circuit = new Circuit(EVEN)
  failing(circuit, 4, 1000)
  expect(circuit.state(1000)).toBe("closed")
  failing(circuit, 1, 1000)
  expect([circuit.state(1000), circuit.enter(5999), circuit.waitMs(5999)]).toEqual(["open", false, 1])
  expect([circuit.state(6000), circuit.enter(6000), circuit.enter(6000)]).toEqual(["half_open", true, false])
  circuit.succeeded(6000)
  expect([circuit.state(6000), circuit.enter(6000)]).toEqual(["closed", true])
})

it("stays open for longer each time a try fails, up to a minute", () => {
  const circuit = new Circuit(EVEN)
  let nowMs = 0
  failing(circuit, 5, nowMs)
  const waits: number[] = []
  for (let i = 0; i < 14; i++) {
    waits.push(circuit.waitMs(nowMs))
    nowMs += circuit.waitMs(nowMs)
    failing(circuit, 1, nowMs)
  }
  expect(waits).toEqual([...Array.from({ length: 12 }, (_, i) => 5000 * (i + 1)), 60_000, 60_000])
})

it("opens when half of at least twenty calls of ten seconds fail, and forgets older ones", () => {
  const circuit = new Circuit(EVEN)
  for (let i = 0; i < 19; i++) circuit[i % 2 === 0 ? "failed" : "succeeded"](500 * i)
  expect(circuit.state(9500)).toBe("closed")
  circuit.failed(9500)
  expect(circuit.state(9500)).toBe("open")
  const forgetful = new Circuit(EVEN)
  for (let i = 0; i < 60; i++) forgetful[i % 2 === 0 ? "failed" : "succeeded"](1000 * i)
  expect(forgetful.state(60_000)).toBe("closed")
})

it("lets the next one try where a try said nothing of the server", () => {
  const circuit = new Circuit(EVEN)
  failing(circuit, 5, 0)
  expect([circuit.enter(5000), circuit.enter(5000)]).toEqual([true, false])
  circuit.undecided()
  expect(circuit.enter(5000)).toBe(true)
})

it("spreads the times of those that open together by a fifth either way", () => {
  for (const random of [0, 0.25, 0.999]) {
    const circuit = new Circuit(() => random)
    failing(circuit, 5, 0)
    expect(circuit.waitMs(0)).toBeCloseTo(5000 * (0.8 + 0.4 * random))
  }
})

it("never lets two try at once while it is not closed, and none while it is open, whatever happens", () => {
  const steps = fc.array(
    fc.tuple(fc.constantFrom("enter", "succeeded", "failed", "undecided"), fc.integer({ min: 0, max: 4000 })),
    { maxLength: 200 },
  )
  fc.assert(
    fc.property(steps, (events) => {
      const circuit = new Circuit(EVEN)
      let nowMs = 0
      let trying = 0
      const tooMany: string[] = []
      for (const [event, after] of events) {
        nowMs += after
        const before = circuit.state(nowMs)
        if (event === "enter") {
          const most = { closed: 1, open: 0, half_open: 1 - trying }[before]
          const entered = circuit.enter(nowMs) ? 1 : 0
          if (entered > most) tooMany.push(before)
          if (before === "half_open") trying += entered
        } else {
          if (event === "undecided") circuit.undecided()
          else if (event === "failed") circuit.failed(nowMs)
          else circuit.succeeded(nowMs)
          trying = 0
        }
      }
      expect(tooMany).toEqual([])
    }),
  )
})
