import type { RegretLine } from "./regret-chart.ts"
import { at, colourOf, dashOf, escape, number, PICTURE_STYLE, pageOf, ticks } from "./svg-parts.ts"

/** One scenario's lines. */
export interface RegretPanel {
  readonly scenario: string
  readonly horizon: number
  readonly lines: readonly RegretLine[]
}

const WIDTH = 860
const PLOT = { left: 80, top: 46, width: 560, height: 320 }
const PANEL_HEIGHT = PLOT.top + PLOT.height + 64
/** A self-contained SVG: one panel per scenario, mean regret over time with a band of two standard errors, legend with the final values. */
export function regretSvg(panels: readonly RegretPanel[], replicates: number): string {
  const height = PANEL_HEIGHT * panels.length
  const parts = panels.map(
    (panel, index) => `<g transform="translate(0 ${index * PANEL_HEIGHT})">${drawPanel(panel, replicates)}</g>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Cumulative regret over time">
<style>${PICTURE_STYLE}</style>
<rect class="ground" width="100%" height="100%"/>
${parts.join("\n")}
</svg>
`
}

/** The same picture as a page. */
export function regretHtml(panels: readonly RegretPanel[], replicates: number): string {
  return pageOf("Regret over time", WIDTH, regretSvg(panels, replicates))
}

function drawPanel({ scenario, horizon, lines }: RegretPanel, replicates: number): string {
  const highest = Math.max(
    ...lines.flatMap(({ curve }) => curve.map(({ mean, standardError }) => mean + 2 * standardError)),
    1e-9,
  )
  const x = (t: number): number => PLOT.left + (PLOT.width * t) / horizon
  const bottom = PLOT.top + PLOT.height
  const yTicks = ticks(highest)
  const y = (regret: number): number => bottom - (PLOT.height * regret) / Math.max(highest, yTicks.at(-1) ?? 0)
  const across = yTicks.map(
    (
      tick,
    ) => `<line class="grid" x1="${PLOT.left}" x2="${PLOT.left + PLOT.width}" y1="${at(y(tick))}" y2="${at(y(tick))}"/>
<text x="${PLOT.left - 8}" y="${at(y(tick) + 4)}" text-anchor="end">${number(tick)}</text>`,
  )
  const along = ticks(horizon).map(
    (tick) => `<line class="axis" x1="${at(x(tick))}" x2="${at(x(tick))}" y1="${bottom}" y2="${bottom + 5}"/>
<text x="${at(x(tick))}" y="${bottom + 20}" text-anchor="middle">${number(tick)}</text>`,
  )
  return [
    `<text class="title" x="${PLOT.left}" y="24">${escape(scenario)}: cumulative regret, mean of ${replicates} replicates ± 2 standard errors</text>`,
    ...across,
    ...along,
    `<line class="axis" x1="${PLOT.left}" x2="${PLOT.left + PLOT.width}" y1="${bottom}" y2="${bottom}"/>`,
    `<text x="${PLOT.left + PLOT.width / 2}" y="${bottom + 42}" text-anchor="middle">decisions (pulls)</text>`,
    `<text transform="translate(18 ${PLOT.top + PLOT.height / 2}) rotate(-90)" text-anchor="middle">regret (rewards lost)</text>`,
    ...lines.map((line, index) => drawLine(line, index, x, y)),
    ...legend(lines),
  ].join("\n")
}

function drawLine(
  { curve }: RegretLine,
  index: number,
  x: (t: number) => number,
  y: (regret: number) => number,
): string {
  const points = [{ t: 0, mean: 0, standardError: 0 }, ...curve]
  const place = (t: number, regret: number): string => `${at(x(t))},${at(y(Math.max(0, regret)))}`
  const upper = points.map(({ t, mean, standardError }) => place(t, mean + 2 * standardError))
  const lower = points.map(({ t, mean, standardError }) => place(t, mean - 2 * standardError)).toReversed()
  const colour = colourOf(index)
  return `<polygon points="${[...upper, ...lower].join(" ")}" fill="${colour}" opacity="0.18"/>
<polyline class="line" points="${points.map(({ t, mean }) => place(t, mean)).join(" ")}" stroke="${colour}"${dashOf(index)}/>`
}

/** Names and final values, the worst on top as the lines are. */
function legend(lines: readonly RegretLine[]): string[] {
  const left = PLOT.left + PLOT.width + 16
  const byRegret = [...lines.entries()].sort(([, a], [, b]) => b.regret.mean - a.regret.mean)
  return byRegret.map(([index, { policy, regret }], place) => {
    const top = PLOT.top + 12 + place * 42
    const name = policy.length > 22 ? `${policy.slice(0, 21)}…` : policy
    return `<line class="line" x1="${left}" x2="${left + 22}" y1="${top - 4}" y2="${top - 4}" stroke="${colourOf(index)}"${dashOf(index)}/>
<text x="${left + 28}" y="${top}">${escape(name)}<title>${escape(policy)}</title></text>
<text x="${left + 28}" y="${top + 16}" opacity="0.75">${number(regret.mean)} ± ${number(regret.standardError)}</text>`
  })
}
