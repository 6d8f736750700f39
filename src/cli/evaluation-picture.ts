import { binEnd } from "../app/evaluation/course.ts"
import type { Evaluation, TargetResult } from "../app/evaluation/evaluate.ts"
import { comparedIntervals } from "./evaluation-report.ts"
import { extent } from "./interval-chart.ts"
import { at, colourOf, dashOf, escape, number, PICTURE_STYLE, pageOf, ticks, ticksBetween } from "./svg-parts.ts"

const WIDTH = 860
const PLOT = { left: 210, width: 600 }
const ROW = 30
const CURVE_HEIGHT = 240
const BARS_HEIGHT = 70

/** The picture of an evaluation as a page of its own: intervals side by side, value over time, distribution of weights. */
export function evaluationHtml(experiment: string, evaluation: Evaluation): string {
  const parts = [intervals(experiment, evaluation), course(evaluation), ...evaluation.targets.map(weights)]
  let top = 0
  const placed = parts.map(({ height, svg }) => {
    const part = `<g transform="translate(0 ${top})">${svg}</g>`
    top += height
    return part
  })
  return pageOf(
    `What other policies would have earned in ${experiment}`,
    WIDTH,
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" width="${WIDTH}" height="${top}" role="img" aria-label="What other policies would have earned">
<style>${PICTURE_STYLE}</style>
<rect class="ground" width="100%" height="100%"/>
${placed.join("\n")}
</svg>`,
  )
}

interface Part {
  readonly height: number
  readonly svg: string
}

function intervals(experiment: string, { summary, targets }: Evaluation): Part {
  const compared = comparedIntervals(targets)
  const known = compared.intervals.filter(({ value }) => Number.isFinite(value))
  const [low, high] = extent(known)
  const x = (value: number): number => PLOT.left + (PLOT.width * (value - low)) / (high - low)
  const bottom = 50 + ROW * known.length
  const verdictOf = (index: number): string => (index === 0 ? "" : (targets[index - 1]?.verdict ?? ""))
  const rows = known.map(({ name, value, interval: [from, to] }, index) => {
    const y = 50 + ROW * index + ROW / 2
    const colour = colourOf(index)
    return `<text x="${PLOT.left - 12}" y="${y - 1}" text-anchor="end">${escape(shortened(name))}<title>${escape(name)}</title></text>
<text x="${PLOT.left - 12}" y="${y + 12}" text-anchor="end" opacity="0.7" style="font-size:11px">${verdictOf(index)}</text>
<line x1="${at(x(from))}" x2="${at(x(to))}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="3"/>
<circle cx="${at(x(value))}" cy="${y}" r="5" fill="${colour}"><title>${number(value)}</title></circle>`
  })
  const title = `${experiment}: ${summary.metric} per row, ${compared.estimator} with its 95 % interval`
  return {
    height: bottom + 60,
    svg: [`<text class="title" x="20" y="26">${escape(title)}</text>`, ...axis(low, high, x, bottom), ...rows].join(
      "\n",
    ),
  }
}

/** Ticks below, with lines up through the rows. */
function axis(low: number, high: number, x: (value: number) => number, bottom: number): string[] {
  return ticksBetween(low, high).map(
    (value) => `<line class="grid" x1="${at(x(value))}" x2="${at(x(value))}" y1="44" y2="${bottom}"/>
<text x="${at(x(value))}" y="${bottom + 18}" text-anchor="middle">${number(value)}</text>`,
  )
}

function course({ summary, targets }: Evaluation): Part {
  const logged = targets[0]?.course.points.map(({ rows, logged }) => ({ rows, value: logged })) ?? []
  const lines = [
    logged,
    ...targets.map(({ course }) => course.points.map(({ rows, target }) => ({ rows, value: target }))),
  ]
  // The first points are of few rows, and would squeeze all others together.
  const shown = lines.flatMap((points) => points.slice(Math.floor(points.length / 10)).map(({ value }) => value))
  const [low, high] = [Math.min(...shown), Math.max(...shown)]
  const [top, bottom] = [40, 40 + CURVE_HEIGHT]
  const x = (rows: number): number => PLOT.left + (PLOT.width * rows) / summary.rows
  const y = (value: number): number =>
    Math.max(top, Math.min(bottom, bottom - (CURVE_HEIGHT * (value - low)) / Math.max(high - low, 1e-12)))
  const across = ticksBetween(low, high)
  return {
    height: bottom + 64,
    svg: [
      '<text class="title" x="20" y="22">Value so far (snips), colours as above</text>',
      ...across.map(
        (
          value,
        ) => `<line class="grid" x1="${PLOT.left}" x2="${PLOT.left + PLOT.width}" y1="${at(y(value))}" y2="${at(y(value))}"/>
<text x="${PLOT.left - 8}" y="${at(y(value) + 4)}" text-anchor="end">${number(value)}</text>`,
      ),
      ...ticks(summary.rows).map(
        (rows) => `<text x="${at(x(rows))}" y="${bottom + 20}" text-anchor="middle">${number(rows)}</text>`,
      ),
      `<text x="${PLOT.left + PLOT.width / 2}" y="${bottom + 42}" text-anchor="middle">rows</text>`,
      ...lines.map((points, index) => {
        const places = points.map(({ rows, value }) => `${at(x(rows))},${at(y(value))}`)
        return `<polyline class="line" points="${places.join(" ")}" stroke="${colourOf(index)}"${dashOf(index)}/>`
      }),
    ].join("\n"),
  }
}

function weights({ policy, course: { weights: bins, zeroWeights } }: TargetResult, index: number): Part {
  const bars = [{ label: "0", rows: zeroWeights }, ...bins.map((rows, bin) => ({ label: binLabel(bin), rows }))]
  const most = Math.max(...bars.map(({ rows }) => rows), 1)
  const total = Math.max(
    1,
    bars.reduce((sum, { rows }) => sum + rows, 0),
  )
  const width = PLOT.width / bars.length
  const bottom = 34 + BARS_HEIGHT
  return {
    height: bottom + 40,
    svg: [
      `<text x="${PLOT.left - 12}" y="${bottom - 24}" text-anchor="end">${escape(shortened(policy))}</text>`,
      `<text x="${PLOT.left - 12}" y="${bottom - 8}" text-anchor="end" opacity="0.7">rows by weight</text>`,
      `<line class="axis" x1="${PLOT.left}" x2="${PLOT.left + PLOT.width}" y1="${bottom}" y2="${bottom}"/>`,
      ...bars.map(({ label, rows }, bar) => {
        const height = (BARS_HEIGHT * rows) / most
        const left = PLOT.left + bar * width
        const share = rows === 0 ? "" : `${Number(((100 * rows) / total).toPrecision(2))} %`
        return `<rect x="${at(left + 2)}" y="${at(bottom - height)}" width="${at(width - 4)}" height="${at(height)}" fill="${colourOf(index + 1)}"/>
<text x="${at(left + width / 2)}" y="${at(bottom - height - 4)}" text-anchor="middle" style="font-size:11px">${share}</text>
<text x="${at(left + width / 2)}" y="${bottom + 16}" text-anchor="middle" style="font-size:11px">${label}</text>`
      }),
    ].join("\n"),
  }
}

/** Up to which weight a bar goes. */
function binLabel(bin: number): string {
  const end = binEnd(bin)
  if (end === Number.POSITIVE_INFINITY) return "more"
  return end < 1 ? `to 1/${1 / end}` : `to ${end}`
}

function shortened(name: string): string {
  return name.length > 28 ? `${name.slice(0, 27)}…` : name
}
