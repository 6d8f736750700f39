import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { parseConfig } from "#src/config.ts"
import { Admission, type AdmittedRequest, type OverloadKnobs, type ThreadLoad } from "#src/http/overload/admission.ts"
import { PARTITIONS } from "#src/http/overload/partition.ts"

const BUSY: ThreadLoad = { loopDelayMs: 3, loopUtilization: 1, heapShare: 0.1 }
const CALM: ThreadLoad = { loopDelayMs: 1, loopUtilization: 0.5, heapShare: 0.1 }

function defaults(): OverloadKnobs {
  const { overload } = parseConfig({})
  if (overload === undefined) throw new Error("no limits")
  return overload
}

function createAdmission(changes: Partial<OverloadKnobs> = {}) {
  const clock = { nowMs: 10_000 }
  const admission = new Admission({ ...defaults(), ...changes }, () => clock.nowMs)
  /** Work that waited so long for so many others, for two intervals. */
  const wait = (waitedMs: number, ahead: number) => {
    for (let i = 0; i < 50; i++) {
      clock.nowMs += 5
      admission.waited(waitedMs, ahead)
    }
  }
  const enter = (partition: (typeof PARTITIONS)[number], state: "whole" | "begun"): AdmittedRequest => {
    const request = admission.enter(partition)
    request.whole()
    if (state === "begun") request.begin()
    return request
  }
  return { admission, clock, wait, enter }
}

describe("admission", () => {
  it("refuses nobody while requests are answered in time, however busy the thread is", () => {
    const { admission, wait, enter } = createAdmission()
    wait(3, 100)
    admission.look(BUSY)
    for (let i = 0; i < 5_000; i++) enter("predict", "whole")
    expect(admission.judge("predict")).toBeUndefined()
  })

  it("refuses nobody for a long queue that comes from work elsewhere: the thread itself has time", () => {
    const { admission, wait, enter } = createAdmission()
    wait(40, 100)
    admission.look(CALM)
    for (let i = 0; i < 5_000; i++) enter("predict", "whole")
    expect(admission.judge("predict")).toBeUndefined()
  })

  it("when the queue stands, lets no more wait than are done within the target", () => {
    const { admission, wait, enter } = createAdmission()
    wait(40, 800)
    expect(admission.look(BUSY)).toBe(true)
    for (let i = 0; i < 100; i++) {
      expect(admission.judge("predict")).toBeUndefined()
      enter("predict", "whole")
    }
    expect(admission.judge("predict")).toBe("queue")
    expect(admission.judge("reward")).toBeUndefined()
    for (let i = 0; i < 15; i++) enter("reward", "whole")
    expect(admission.judge("reward")).toBe("queue")
    expect(admission.judge("admin")).toBeUndefined()
  })

  it("always has room for a turn of the event loop", () => {
    const { admission, wait, enter } = createAdmission()
    wait(500, 10)
    admission.look(BUSY)
    for (let i = 0; i < 31; i++) enter("predict", "whole")
    expect(admission.judge("predict")).toBeUndefined()
    enter("predict", "whole")
    expect(admission.judge("predict")).toBe("queue")
  })

  it("is at ease again a second after the last refusal", () => {
    const { admission, clock, wait, enter } = createAdmission()
    wait(40, 800)
    admission.look(BUSY)
    const requests = Array.from({ length: 100 }, () => enter("predict", "whole"))
    clock.nowMs += 900
    expect(admission.judge("predict")).toBe("queue")
    for (const request of requests) request.end()
    clock.nowMs += 900
    expect(admission.look(CALM)).toBe(false)
    expect(admission.overloaded).toBe(true)
    clock.nowMs += 100
    expect(admission.look(CALM)).toBe(true)
    expect(admission.overloaded).toBe(false)
  })

  it("is overloaded when timers come late", () => {
    const { admission, enter } = createAdmission()
    admission.look({ ...CALM, loopDelayMs: 51 })
    for (let i = 0; i < 32; i++) enter("predict", "whole")
    expect(admission.judge("predict")).toBe("event_loop")
  })

  it("refuses whoever was refused and did not wait, as long as it is overloaded", () => {
    const { admission, wait } = createAdmission()
    expect(admission.judge("predict", true)).toBeUndefined()
    wait(40, 800)
    admission.look(BUSY)
    expect(admission.judge("predict", true)).toBe("returned_early")
    expect(admission.judge("predict")).toBeUndefined()
  })

  it("lets a burst of rewards wait for the sync that they share", () => {
    const { admission, enter } = createAdmission()
    for (let i = 0; i < 600; i++) {
      expect(admission.judge("reward")).toBeUndefined()
      enter("reward", "begun")
    }
  })

  it("bounds what waits for something outside the thread, whose share each partition keeps", () => {
    const { admission, enter } = createAdmission({ concurrencyInitial: 200, concurrencyMax: 200 })
    for (let i = 0; i < 200; i++) {
      expect(admission.judge("reward")).toBeUndefined()
      enter("reward", "begun")
    }
    expect(admission.judge("reward")).toBe("concurrency")
    expect(admission.judge("predict")).toBeUndefined()
    expect(admission.judge("admin")).toBeUndefined()
  })

  it("lowers that bound when the outside gets slower, and raises it again", () => {
    const { admission, clock, enter } = createAdmission({ concurrencyInitial: 200, concurrencyMax: 200 })
    const answerAll = (count: number, tookMs: number) => {
      const requests = Array.from({ length: count }, () => enter("predict", "begun"))
      clock.nowMs += tookMs
      admission.waited(0, 0)
      for (const request of requests) request.end()
    }
    for (let i = 0; i < 20; i++) answerAll(150, 20)
    expect(admission.state.concurrencyLimit).toBe(200)
    answerAll(150, 400)
    expect(admission.state.concurrencyLimit).toBeLessThan(150)
    for (let i = 0; i < 20; i++) answerAll(150, 20)
    expect(admission.state.concurrencyLimit).toBe(200)
  })

  it("learns nothing from what is answered in the turn that began it", () => {
    const { admission, clock, enter } = createAdmission({ concurrencyInitial: 100 })
    for (let i = 0; i < 50; i++) {
      const requests = Array.from({ length: 90 }, () => enter("predict", "begun"))
      clock.nowMs += 1 + i
      for (const request of requests) request.end()
    }
    expect(admission.state.concurrencyLimit).toBe(100)
  })

  it("refuses everybody when the heap is nearly full, and ends connections before that", () => {
    const { admission } = createAdmission()
    admission.look({ ...CALM, heapShare: 0.91 })
    expect(admission.closesConnections).toBe(false)
    admission.look({ ...CALM, heapShare: 0.93 })
    expect(admission.closesConnections).toBe(true)
    expect(admission.judge("predict")).toBeUndefined()
    admission.look({ ...CALM, heapShare: 0.95 })
    for (const partition of PARTITIONS) expect(admission.judge(partition)).toBe("heap")
    admission.look(CALM)
    expect(admission.judge("predict")).toBeUndefined()
  })

  it("counts every request once on its way, whatever becomes of it and in whatever order it is told", () => {
    const step = fc.record({ index: fc.nat(9), what: fc.constantFrom("whole", "begin", "end") })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const { admission } = createAdmission()
        const requests = Array.from({ length: 10 }, (_, i) => admission.enter(PARTITIONS[i % 3] ?? "predict"))
        for (const { index, what } of steps) {
          requests[index]?.[what]()
          const { queued, inFlight } = admission.state
          expect(queued).toBeGreaterThanOrEqual(0)
          expect(inFlight).toBeGreaterThanOrEqual(0)
          expect(queued + inFlight).toBeLessThanOrEqual(10)
        }
        for (const request of requests) request.end()
        expect(admission.state).toMatchObject({ queued: 0, inFlight: 0 })
      }),
    )
  })
})
