import type { WrkFigures } from "./wrk-run.ts"

/** Of several runs of the same, each figure by itself. */
export function medians(runs: readonly WrkFigures[]): WrkFigures {
  return {
    requestsPerSecond: median(runs.map((run) => run.requestsPerSecond)),
    cpuUs: median(runs.map((run) => run.cpuUs)),
    p50Us: median(runs.map((run) => run.p50Us)),
    p99Us: median(runs.map((run) => run.p99Us)),
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2
}
