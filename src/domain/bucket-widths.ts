import { AGE_PARTS } from "./counters.ts"

/** For how long and how finely counters must tell ages apart: the store's buckets are at most a sixtieth of either as long as it matters. */
export interface Resolution {
  /** What policies remember: undefined for everything alike. A half-life counts as what it halves in. */
  readonly memorySeconds: number | undefined
  /** Ages from which on memory has forgotten; undefined: never. */
  readonly forgottenAfterSeconds: number | undefined
  /** 0 where decisions count at once. */
  readonly maturationSeconds: number
}

/** Widths of buckets in seconds, narrow ones first. Each divides the next. */
export const WIDTHS = [1, 10, 60, 600, 3_600] as const

/** Ages in seconds from which on nobody looks closely, by width: what charts of the last minutes, hours and days need. */
const LEAST_AGES: Readonly<Record<number, number>> = { 10: 60, 60: 600, 600: 21_600, 3_600: 172_800 }

const EVERYTHING_ALIKE: Resolution = {
  memorySeconds: undefined,
  forgottenAfterSeconds: undefined,
  maturationSeconds: 0,
}

/** A width, and the age in seconds that the whole of a bucket must have passed to be as wide. */
export interface WidthStep {
  readonly width: number
  readonly afterSeconds: number
}

/**
 * Which widths counters may take at which ages, narrow ones first. Widths that are never fine enough are left out.
 *
 * A bucket stays fine as long as it matters: for the maturation until it has closed, for the memory until it is forgotten, which is counted
 * from the closing.
 */
export function widthSteps(resolution: Resolution = EVERYTHING_ALIKE): WidthStep[] {
  const { memorySeconds, forgottenAfterSeconds = Number.POSITIVE_INFINITY, maturationSeconds } = resolution
  return WIDTHS.slice(1).flatMap((width) => {
    const closed = width * AGE_PARTS > maturationSeconds ? maturationSeconds : 0
    const forgotten =
      memorySeconds !== undefined && width * AGE_PARTS > memorySeconds ? forgottenAfterSeconds + maturationSeconds : 0
    const afterSeconds = Math.max(LEAST_AGES[width] ?? 0, closed, forgotten)
    return Number.isFinite(afterSeconds) ? [{ width, afterSeconds }] : []
  })
}

/** The widest bucket that a second may be in at its age, or the second itself. */
export function bucketAt(
  second: number,
  nowSeconds: number,
  steps: readonly WidthStep[],
): { readonly bucket: number; readonly width: number } {
  let at = { bucket: second, width: 1 }
  for (const { width, afterSeconds } of steps) {
    if (oldEnough(second, nowSeconds, { width, afterSeconds })) at = { bucket: second - (second % width), width }
  }
  return at
}

/** Buckets of a width that begin before this second are old enough for it, the whole of each. */
export function oldBefore(nowSeconds: number, { width, afterSeconds }: WidthStep): number {
  return Math.floor((nowSeconds - afterSeconds) / width) * width
}

function oldEnough(second: number, nowSeconds: number, step: WidthStep): boolean {
  return second < oldBefore(nowSeconds, step)
}

const HOUR = 3_600
const DAY = 86_400
const HOURS_KEPT_SECONDS = 14 * DAY
const DAYS_KEPT_SECONDS = 62 * DAY

/** A stretch of time that group rows or sketches are kept by: an hour, a day, or a month (UTC). */
export interface Span {
  readonly start: number
  readonly width: number
}

/** By what a group row of this hour is kept: the hour for 14 days, its day for 62, then its month. */
export function groupSpanAt(hour: number, nowSeconds: number): Span {
  if (hour >= hoursBefore(nowSeconds)) return { start: hour, width: HOUR }
  return daySpanAt(hour, nowSeconds)
}

/** By what a sketch of this day is kept: the day for 62 days, then its month. */
export function daySpanAt(second: number, nowSeconds: number): Span {
  if (second >= daysBefore(nowSeconds)) return { start: second - (second % DAY), width: DAY }
  const start = monthOf(second, 0)
  return { start, width: monthOf(second, 1) - start }
}

/** Hours before this second are kept as days. */
export function hoursBefore(nowSeconds: number): number {
  return Math.floor((nowSeconds - HOURS_KEPT_SECONDS) / DAY) * DAY
}

/** Days before this second are kept as months. */
export function daysBefore(nowSeconds: number): number {
  return monthOf(nowSeconds - DAYS_KEPT_SECONDS, 0)
}

function monthOf(second: number, monthsLater: number): number {
  const date = new Date(second * 1000)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + monthsLater) / 1000
}
