import type { Clock } from "#src/ports/clock.ts"

/** For tests of what really takes time; nothing asserts on it. */
export const realClock: Clock = { now: () => Date.now(), monotonicMs: () => performance.now() }
