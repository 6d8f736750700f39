/** How finely delays of rewards are told apart. */
export const DELAY_BINS = 24

/** For how many attribution windows after its decision a reward is kept by its delay: a window of open decisions, and one of closed ones. */
export const DELAY_WINDOWS_KEPT = 2

/** Rewards of a metric by delay: those that came within the bin's part of the attribution window, counted in the bucket of their decision. */
export interface DelayCounter {
  readonly metric: string
  /** The metric's attribution window. */
  readonly windowSeconds: number
  /** 0 to `DELAY_BINS` - 1. */
  readonly bin: number
}

/** The metric that a delay counter has in the counters' tables. No metric of a document has an `@` in its name. */
export function delayMetric({ metric, windowSeconds, bin }: DelayCounter): string {
  return `${metric}@${windowSeconds}.${bin}`
}

/** What a counter's metric says of delays, undefined where it counts something else. */
export function parseDelayMetric(name: string): DelayCounter | undefined {
  const at = name.lastIndexOf("@")
  if (at < 0) return undefined
  const [windowSeconds, bin] = name.slice(at + 1).split(".")
  return { metric: name.slice(0, at), windowSeconds: Number(windowSeconds), bin: Number(bin) }
}

/** The end of a bin in seconds after the decision: w^((bin + 1) / 24), so that each bin is longer than the one before by the same factor. */
export function delayBinEnd(bin: number, windowSeconds: number): number {
  return windowSeconds ** ((bin + 1) / DELAY_BINS)
}

/** The bin of a delay in seconds; the first takes all that is shorter than its end, the last whatever is longer than the window. */
export function delayBin(delaySeconds: number, windowSeconds: number): number {
  if (!(delaySeconds > 1)) return 0
  if (!(delaySeconds < windowSeconds)) return DELAY_BINS - 1
  return Math.min(DELAY_BINS - 1, Math.floor((DELAY_BINS * Math.log(delaySeconds)) / Math.log(windowSeconds)))
}
