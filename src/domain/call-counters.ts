import { delayMetric, parseDelayMetric } from "./delay-counters.ts"
import type { AskedVariant } from "./events.ts"
import type { CounterRow } from "./statistics.ts"

/** What became of asking a decision's variant: it answered, or why not. Refusals go by the class of their HTTP status. */
export const CALL_OUTCOMES = [
  "answered",
  "status_3xx",
  "status_4xx",
  "status_5xx",
  "deadline_exceeded",
  "backend_unavailable",
  "backend_failed",
  "wrong_shape",
  "features_invalid",
  "not_taken",
] as const

export type CallOutcome = (typeof CALL_OUTCOMES)[number]

/** Bins of latencies: the first ends at 0.0186 ms, each further one 2^(1/4) times (19 per cent) later, the last at 65.5 s. */
export const LATENCY_BINS = 88
const BINS_A_DOUBLING = 4
const LEAST_MS = 2 ** -6

/** The bin of a latency in milliseconds; the last takes whatever is longer. */
export function latencyBin(ms: number): number {
  if (!(ms > LEAST_MS)) return 0
  return Math.min(LATENCY_BINS - 1, Math.ceil(BINS_A_DOUBLING * Math.log2(ms / LEAST_MS)) - 1)
}

/** The longest latency of a bin, in milliseconds. */
export function latencyBinEnd(bin: number): number {
  return LEAST_MS * 2 ** ((bin + 1) / BINS_A_DOUBLING)
}

/** How many kinds of calls there are to count: every outcome in every bin. */
export const CALL_KINDS = CALL_OUTCOMES.length * LATENCY_BINS

/** The kind of a call, from 0 to `CALL_KINDS` - 1. */
export function callKindOf(asked: Pick<AskedVariant, "error" | "status" | "ms">): number {
  return CALL_OUTCOMES.indexOf(outcomeOf(asked)) * LATENCY_BINS + latencyBin(asked.ms)
}

function outcomeOf({ error, status }: Pick<AskedVariant, "error" | "status">): CallOutcome {
  if (error === undefined) return "answered"
  if (error === "backend_failed" && status !== undefined && status >= 300) {
    return status < 400 ? "status_3xx" : status < 500 ? "status_4xx" : "status_5xx"
  }
  // A gateway of a later version may know more errors.
  return CALL_OUTCOMES.find((outcome) => outcome === error) ?? "backend_failed"
}

/** Calls are counted by the minute of their decision. */
export const CALL_SECONDS = 60

/** Calls are kept for two of it, like delays: two weeks. */
const WINDOW_SECONDS = 604_800

/** Before the outcome's name: no metric of a document begins with it. */
const PREFIX = "~"

/** The metric that calls of a kind are counted under. */
export function callMetric(kind: number): string {
  const outcome = CALL_OUTCOMES[Math.floor(kind / LATENCY_BINS)] ?? "backend_failed"
  return delayMetric({ metric: `${PREFIX}${outcome}`, windowSeconds: WINDOW_SECONDS, bin: kind % LATENCY_BINS })
}

/** Whether a counter's metric counts calls. */
export function isCallMetric(metric: string): boolean {
  return metric.startsWith(PREFIX)
}

/** Some calls of one variant, added up. */
export interface CallTotals {
  readonly answered: number
  readonly failed: number
  /** By why it did not answer; nothing that didn't happen. */
  readonly failures: Readonly<Partial<Record<CallOutcome, number>>>
  /** Of those that were answered: so many of a hundred took at most so long, rounded up by at most 19 per cent. Null where none was. */
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number } | null
}

/** Adds rows of call counters up. */
export function callTotals(rows: Iterable<Pick<CounterRow, "metric" | "count">>): CallTotals {
  const byOutcome = new Map<string, number>()
  const bins = new Float64Array(LATENCY_BINS)
  for (const { metric, count } of rows) {
    const { metric: name, bin } = parseDelayMetric(metric) ?? { metric: PREFIX, bin: 0 }
    const outcome = name.slice(PREFIX.length)
    byOutcome.set(outcome, (byOutcome.get(outcome) ?? 0) + count)
    if (outcome === "answered") bins[bin] = (bins[bin] ?? 0) + count
  }
  const answered = byOutcome.get("answered") ?? 0
  const failures = CALL_OUTCOMES.slice(1).flatMap((outcome) => {
    const count = byOutcome.get(outcome) ?? 0
    return count === 0 ? [] : [[outcome, count] as const]
  })
  return {
    answered,
    failed: failures.reduce((sum, [, count]) => sum + count, 0),
    failures: Object.fromEntries(failures),
    latencyMs:
      answered === 0 ? null : { p50: quantile(bins, 0.5), p90: quantile(bins, 0.9), p99: quantile(bins, 0.99) },
  }
}

/** The end of the bin that holds the quantile, to three digits. */
function quantile(bins: Float64Array, share: number): number {
  const rank = Math.ceil(share * bins.reduce((sum, count) => sum + count, 0))
  let below = 0
  const bin = bins.findIndex((count) => {
    below += count
    return below >= rank
  })
  return Number(latencyBinEnd(bin).toPrecision(3))
}
