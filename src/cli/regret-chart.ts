import type { SimulationResult } from "../app/simulation/simulate.ts"

/** The curve of one policy in one scenario, as it is drawn and listed. */
export interface RegretLine extends SimulationResult {
  readonly policy: string
}

const ROWS = 16

/**
 * Regret over time as text: a letter per policy (`marks`), the larger regret on top where two meet.
 *
 * @param columns width of the terminal
 */
export function regretChart(lines: readonly RegretLine[], horizon: number, columns: number): string {
  const highest = Math.max(...lines.flatMap(({ curve }) => curve.map(({ mean }) => mean)), 1e-9)
  const labels = [highest, highest / 2, 0].map(short)
  const margin = Math.max(...labels.map((label) => label.length))
  const width = Math.max(20, Math.min(100, columns - margin - 4))
  const grid = Array.from({ length: ROWS }, () => Array.from({ length: width }, () => " "))
  const bestLast = [...lines.entries()].sort(([, a], [, b]) => a.regret.mean - b.regret.mean)
  for (const [index, { curve }] of bestLast) {
    for (let column = 0; column < width; column++) {
      const regret = interpolate(curve, (horizon * (column + 1)) / width)
      const row = ROWS - 1 - Math.round((regret / highest) * (ROWS - 1))
      const cells = grid[row]
      if (cells !== undefined) cells[column] = mark(index)
    }
  }
  const rows = grid.map((cells, row) => {
    const label =
      row === 0 ? labels[0] : row === Math.round((ROWS - 1) / 2) ? labels[1] : row === ROWS - 1 ? labels[2] : ""
    return `${(label ?? "").padStart(margin)} ┤${cells.join("").trimEnd()}`
  })
  const end = `${short(horizon)} pulls`
  const axis = `${" ".repeat(margin)} └${"─".repeat(width)}`
  const scale = `${" ".repeat(margin + 2)}0${end.padStart(width - 1)}`
  return [`${" ".repeat(margin + 2)}cumulative regret (rewards lost)`, ...rows, axis, scale].join("\n")
}

/**
 * Regret and shares, a line per policy; a policy whose name would make the line too long has its figures on the next.
 *
 * @param columns width of the terminal
 */
export function regretTable(lines: readonly RegretLine[], columns: number): string {
  const figures = lines.map(({ regret, shareByVariant }) => {
    const shares = shareByVariant.map((share) => percent(share).padStart(7))
    return { start: `${short(regret.mean).padStart(9)} ± ${short(regret.standardError).padEnd(6)} `, shares }
  })
  const longest = Math.max(...figures.map(({ start, shares }) => start.length + shares.join(" ").length))
  const room = Math.max(Math.floor(columns / 4), columns - 3 - longest)
  const fitting = lines.map(({ policy }) => policy.length).filter((length) => length <= room)
  const width = Math.max(6, ...fitting)
  const rows = lines.map(({ policy }, index) => {
    const { start, shares } = figures[index] ?? { start: "", shares: [] }
    return `${named(policy, index, width)} ${start}${inColumns(shares, width + 3 + start.length, columns)}`
  })
  const heading = `  ${"policy".padEnd(width)} ${"regret".padStart(9)}   ${"s.e.".padEnd(6)} share of pulls by variant`
  return [heading, ...rows].join("\n")
}

/** What an A/A test came to, a line per policy: the share of runs with a false winner, and the largest standard deviation of a variant's share. */
export function falseWinnersTable(lines: readonly RegretLine[], columns: number): string {
  const longest = Math.max(...lines.map(({ policy }) => policy.length))
  const width = Math.max(6, Math.min(longest, columns - 40))
  const rows = lines.map(({ policy, falseWinners, shareSpread }, index) => {
    const { mean, standardError } = falseWinners ?? { mean: 0, standardError: 0 }
    const found = `${percent(mean)} ± ${percent(standardError)}`
    return `${named(policy, index, width)} ${found.padStart(17)} ${percent(Math.max(...shareSpread)).padStart(18)}`
  })
  return [
    `  ${"policy".padEnd(width)} ${"false winners".padStart(17)} ${"spread of shares".padStart(18)}`,
    ...rows,
  ].join("\n")
}

/** The beginning of a policy's line, or its first line and the beginning of the next where its name is too long for one. */
function named(policy: string, index: number, width: number): string {
  const name = policy.length <= width ? policy.padEnd(width) : `${policy}\n${" ".repeat(width + 2)}`
  return `${mark(index)} ${name}`
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}

/** Cells beside each other from a column on, in as many lines as it takes. */
function inColumns(cells: readonly string[], from: number, columns: number): string {
  const perLine = Math.max(1, Math.floor((columns - from + 1) / 8))
  const lines = Array.from({ length: Math.ceil(cells.length / perLine) }, (_, line) =>
    cells.slice(line * perLine, (line + 1) * perLine).join(" "),
  )
  return lines.join(`\n${" ".repeat(from)}`)
}

function mark(index: number): string {
  return index < 26 ? String.fromCodePoint(65 + index) : "*"
}

function interpolate(curve: SimulationResult["curve"], t: number): number {
  let before = { t: 0, mean: 0 }
  for (const point of curve) {
    if (point.t >= t) return before.mean + ((point.mean - before.mean) * (t - before.t)) / (point.t - before.t)
    before = point
  }
  return before.mean
}

/** Four digits are enough to read. */
function short(value: number): string {
  if (value === 0) return "0"
  if (value >= 1000) return Math.round(value).toLocaleString("en")
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toPrecision(2)
}
