import { type EventLoopUtilization, monitorEventLoopDelay, performance } from "node:perf_hooks"
import { getHeapStatistics } from "node:v8"
import type { ThreadLoad } from "../../http/overload/admission.ts"

const LOOK_EVERY_MS = 250
/** The delay's percentile is that of so many looks: of a second. */
const LOOKS_OF_DELAY = 4
const RESOLUTION_MS = 10

/** Watches the thread that calls it for as long as its process lives. @param onLook told four times a second */
export function watchThread(onLook: (load: ThreadLoad) => void): void {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delays.enable()
  let before: EventLoopUtilization = performance.eventLoopUtilization()
  let looks = 0
  let loopDelayMs = 0
  setInterval(() => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    before = now
    looks += 1
    if (looks % LOOKS_OF_DELAY === 0) {
      // What is recorded is the time from one tick to the next.
      loopDelayMs = Math.max(0, delays.percentile(99) / 1e6 - RESOLUTION_MS)
      delays.reset()
    }
    const { used_heap_size: used, heap_size_limit: most } = getHeapStatistics()
    onLook({ loopDelayMs, loopUtilization: utilization, heapShare: used / most })
  }, LOOK_EVERY_MS).unref()
}
