import type { Interval } from "../domain/evaluation/estimators.ts"

export interface NamedInterval {
  readonly name: string
  readonly value: number
  readonly interval: Interval
}

const LONGEST_NAME = 24
const MOST_CELLS = 70

/**
 * Intervals below each other on one axis, as text.
 *
 * @param columns width of the terminal
 */
export function intervalChart(intervals: readonly NamedInterval[], columns: number): string {
  const known = intervals.filter(({ value }) => Number.isFinite(value))
  const [low, high] = extent(known)
  const nameWidth = Math.min(LONGEST_NAME, Math.max(...known.map(({ name }) => name.length)))
  const cells = Math.max(10, Math.min(MOST_CELLS, columns - nameWidth - 3))
  const place = (value: number): number => Math.round(((value - low) / (high - low)) * (cells - 1))
  const rows = known.map(({ name, value, interval: [from, to] }) => {
    const line = Array.from({ length: cells }, () => " ")
    for (let cell = place(from); cell <= place(to); cell++) line[cell] = "─"
    line[place(from)] = "├"
    line[place(to)] = "┤"
    line[place(value)] = "●"
    return `${shortened(name, nameWidth)}  ${line.join("").trimEnd()}`
  })
  const [from, to] = [axisLabel(low), axisLabel(high)]
  const axis = `${" ".repeat(nameWidth + 2)}${from}${to.padStart(cells - from.length)}`
  return [...rows, axis].join("\n")
}

/** From the least to the largest end, never empty. */
export function extent(intervals: readonly NamedInterval[]): Interval {
  const ends = intervals.flatMap(({ value, interval }) => [value, ...interval.filter(Number.isFinite)])
  const [low, high] = [Math.min(...ends), Math.max(...ends)]
  return high > low ? [low, high] : [low - 1, low + 1]
}

const LEVELS = "▁▂▃▄▅▆▇█"

/** Values as a row of blocks, the least lowest. */
export function sparkline(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  return values
    .map((value) => {
      const level = high > low ? Math.round(((value - low) / (high - low)) * (LEVELS.length - 1)) : 0
      return LEVELS[level] ?? " "
    })
    .join("")
}

function shortened(name: string, width: number): string {
  return name.length > width ? `${name.slice(0, width - 1)}…` : name.padEnd(width)
}

function axisLabel(value: number): string {
  return String(Number(value.toPrecision(3)))
}
