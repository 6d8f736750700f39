import type { Clock } from "../ports/clock.ts"

export const machineClock: Clock = { now: () => Date.now(), monotonicMs: () => performance.now() }
