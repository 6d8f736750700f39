import type { Evaluation, SegmentResult, TargetResult } from "../app/evaluation/evaluate.ts"
import type { Estimate, Result } from "../app/evaluation/tally.ts"
import type { Interval } from "../domain/evaluation/estimators.ts"
import type { LogSummary } from "../ports/evaluation-log.ts"
import { intervalChart, type NamedInterval, sparkline } from "./interval-chart.ts"

/** An evaluation for people, on a terminal of so many columns. */
export function evaluationReport(
  experiment: string,
  { summary, impossible, targets }: Evaluation,
  columns: number,
): string {
  const [first] = targets
  const logged = first === undefined ? [] : [`As logged: ${withInterval(first.logged.value, first.logged.interval)}`]
  return [
    heading(experiment, summary),
    ...logged,
    ...leftOut(summary, impossible),
    "",
    ...targets.flatMap((target) => [...targetLines(target, columns), ""]),
    chart(targets, columns),
    "",
    ...courseLines(targets, columns),
    "",
  ].join("\n")
}

const ROW_MEANS = {
  request: "Each row is a decision, since every request is drawn anew.",
  unit: "Each row is a unit by its first decision, since units keep their variant.",
  mixed:
    "Each row is a unit by its first decision where units keep their variant, and a decision where requests are drawn.",
} as const

function heading(experiment: string, { metric, decisions, rows, stickiness, begin, end }: LogSummary): string {
  return [
    `${experiment}: ${metric} per row, ${count(rows)} rows of ${count(decisions)} decisions, ${time(begin)} to ${time(end)}`,
    ROW_MEANS[stickiness],
  ].join("\n")
}

function* leftOut({ undrawn, young, windowSeconds }: LogSummary, impossible: number): Generator<string> {
  const parts = [
    ...Object.entries(undrawn).map(([reason, decisions]) => [decisions, `${reason} decisions`] as const),
    [young, `rows younger than the ${windowSeconds} s that rewards may take`] as const,
    [impossible, "rows whose variant had no probability"] as const,
  ]
  const some = parts.filter(([rows]) => rows > 0).map(([rows, what]) => `${count(rows)} ${what}`)
  if (some.length > 0) yield `Left out: ${some.join(", ")}`
  if (windowSeconds === undefined)
    yield "The log doesn't say how long rewards may take, so that no row is left out as too young."
}

const VERDICTS = {
  better: "better than what was logged",
  worse: "worse than what was logged",
  unclear: "not told apart from what was logged",
  "cannot-tell": "this log can't tell",
} as const

function targetLines(target: TargetResult, columns: number): string[] {
  const { policy, verdict, reasons, gain, estimates, learning, segments } = target
  const told = verdict === "cannot-tell" ? "" : `, by ${withInterval(gain.value, gain.interval)} a row`
  const learned =
    learning === undefined
      ? []
      : [
          learning.from === "logged"
            ? "  learned from everything that was logged"
            : `  learned from ${percent(learning.share)} of the rows, those that it might have drawn (scale ${short(learning.scale ?? 1)}): it stands for so much traffic`,
        ]
  return [
    `${policy}: ${VERDICTS[verdict]}${told}`,
    ...reasons.map((reason) => `  because ${reason}`),
    ...learned,
    ...estimateLines(estimates, columns),
    weightLine(target),
    ...segments.map(segmentLine),
  ]
}

const METHODS = ["normal", "bootstrap", "anytime-valid"] as const
/** From this width on, all intervals of an estimator stand in one line. */
const WIDE = 110

/** Each estimator with its intervals: beside each other where there is room, else below each other. */
function estimateLines(estimates: readonly Estimate[], columns: number): string[] {
  const names = [...new Set(estimates.map(({ estimator }) => estimator))]
  const lines = names.flatMap((name) => {
    const own = estimates.filter(({ estimator }) => estimator === name)
    const { value = Number.NaN, standardError = Number.NaN } = own[0] ?? {}
    const start = `  ${name.padEnd(10)} ${`${short(value)} ± ${short(standardError)}`.padEnd(24)}`
    const intervals = METHODS.map((wanted) => own.find(({ method }) => method === wanted))
    if (columns >= WIDE) return [[start, ...intervals.map((found) => spanOf(found))].join(" ").trimEnd()]
    return intervals.flatMap((found, place) => {
      if (found === undefined) return []
      return [`${place === 0 ? start : " ".repeat(start.length)} ${found.method.padEnd(13)} ${spanOf(found)}`.trimEnd()]
    })
  })
  if (columns < WIDE) return lines
  const headings = METHODS.map((method) => method.padEnd(INTERVAL_WIDTH)).join(" ")
  return [`  ${"".padEnd(10)} ${"value ± standard error".padEnd(24)} ${headings}`.trimEnd(), ...lines]
}

const INTERVAL_WIDTH = 22

function spanOf(estimate: Estimate | undefined): string {
  return (estimate === undefined ? "" : span(estimate.interval)).padEnd(INTERVAL_WIDTH)
}

function weightLine({ rows, diagnostics }: Result): string {
  const { effectiveSampleSize, maxWeight, meanWeight, meanWeightZ, zeroWeightShare, unsupportedMass, clippedMass } =
    diagnostics
  return [
    `  weights: as good as ${count(Math.round(effectiveSampleSize))} of ${count(rows)} rows; largest ${short(maxWeight)}`,
    `mean ${meanWeight.toFixed(4)} (${meanWeightZ.toFixed(1)} standard errors from 1)`,
    `${percent(zeroWeightShare)} are 0, ${percent(unsupportedMass)} without support, ${percent(clippedMass)} clipped`,
  ].join("; ")
}

function segmentLine({ segment, rows, logged, estimates, verdict }: SegmentResult): string {
  const name = segment === undefined ? "(others)" : (segment ?? "(none)")
  const main = mainEstimate(estimates)
  const figures = main === undefined ? "" : `${main.estimator} ${withInterval(main.value, main.interval)}`
  return `    ${name.padEnd(16)} ${count(rows).padStart(10)} rows  logged ${short(logged.value)}  ${figures}  ${verdict}`
}

/** The estimate that pictures show: doubly robust where it was asked for. */
function mainEstimate(estimates: readonly Estimate[]): Estimate | undefined {
  return estimates.find(({ estimator, method }) => estimator === "dr" && method === "normal") ?? estimates[0]
}

/** What a picture sets side by side. */
export function comparedIntervals(targets: readonly TargetResult[]): { estimator: string; intervals: NamedInterval[] } {
  const [first] = targets
  const logged = first === undefined ? [] : [{ name: "as logged", ...first.logged }]
  const each = targets.flatMap(({ policy, estimates }) => {
    const main = mainEstimate(estimates)
    return main === undefined ? [] : [{ name: policy, value: main.value, interval: main.interval }]
  })
  return { estimator: mainEstimate(first?.estimates ?? [])?.estimator ?? "", intervals: [...logged, ...each] }
}

function chart(targets: readonly TargetResult[], columns: number): string {
  const { estimator, intervals } = comparedIntervals(targets)
  return `${estimator} with its 95 % interval\n${intervalChart(intervals, columns)}`
}

/** Rows by weight, and the value so far, each as a row of blocks. */
function courseLines(targets: readonly TargetResult[], columns: number): string[] {
  const width = Math.max(10, Math.min(24, Math.floor(columns / 3)))
  const name = (policy: string): string =>
    policy.length > width ? `${policy.slice(0, width - 1)}…` : policy.padEnd(width)
  const room = Math.max(10, columns - width - 20)
  return [
    `${" ".repeat(width)}  weights         value so far (snips)`,
    ...targets.map(({ policy, course }) => {
      const weights = sparkline([course.zeroWeights, ...course.weights])
      const every = Math.ceil(course.points.length / room)
      const values = course.points.filter((_, index) => (index + 1) % every === 0).map(({ target }) => target)
      return `${name(policy)}  ${weights}   ${sparkline(values)}`
    }),
    "weights: rows of weight 0, up to 1/16, to 1/8, … to 64, and of more",
  ]
}

function withInterval(value: number, interval: Interval): string {
  return `${short(value)} (${span(interval)})`
}

function span([low, high]: Interval): string {
  return `${short(low)} to ${short(high)}`
}

function time(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 16).replace("T", " ")} UTC`
}

function count(value: number): string {
  return value.toLocaleString("en")
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`
}

/** Four digits are enough to read. */
function short(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "-"
}
