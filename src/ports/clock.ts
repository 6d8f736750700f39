/** Wall-clock time in epoch milliseconds and a monotonic time in milliseconds for measuring durations. */
export interface Clock {
  now(): number
  monotonicMs(): number
}
