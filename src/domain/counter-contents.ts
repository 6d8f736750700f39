import type { CounterCell } from "./counter-table.ts"
import type { GroupRow } from "./group-rows.ts"
import { readJson } from "./json-text.ts"
import type { LogId, LogPosition } from "./log-position.ts"

/** Where one log stands in the counters of one experiment. */
export interface StoredPosition {
  readonly experiment: string
  readonly log: LogId
  readonly position: LogPosition
}

/** Units that a variant's decisions of one day or month had, which begins at `day`, epoch seconds. */
export interface StoredSketch {
  readonly experiment: string
  readonly variant: string
  readonly series: number
  readonly day: number
  readonly sketch: Uint8Array
}

/** Which counters of an experiment contents are of, where gateways share them. */
export interface CounterOrigin {
  readonly experiment: string
  /** Made anew whenever the counters begin anew. */
  readonly mark: string
  /** When they were read, epoch milliseconds by the store's clock. */
  readonly at: number
  /** The experiment's state version. */
  readonly version: number
  /** Tokens that died before this time are forgotten, epoch seconds. */
  readonly forgottenTo: number
  /** No decision that was made before this time has a credit, epoch seconds. */
  readonly creditedSince: number
}

/** Everything that a store holds of the counters, of all logs that are folded into it; not credits. */
export interface CounterContents {
  /** Undefined for the store of one gateway. */
  readonly origins?: readonly CounterOrigin[]
  readonly positions: readonly StoredPosition[]
  readonly cells: readonly CounterCell[]
  readonly groups: readonly (GroupRow & { readonly experiment: string })[]
  readonly sketches: readonly StoredSketch[]
}

/** Contents to be written: lists may be large, so that each is gone through once. */
export type WrittenContents = {
  readonly [List in keyof CounterContents]: Iterable<NonNullable<CounterContents[List]>[number]>
}

/** Group, and its five sums: count, sum, sumSq, weighted, allocated. */
type GroupCell = readonly [group: number, count: number, ...sums: readonly Whole[]]
/** A big integer as a number where it is one exactly, as a decimal string elsewhere: JSON has none. */
type Whole = number | string

type RowOfGroups = Omit<StoredGroup, "group" | "count" | "sum" | "sumSq" | "weighted" | "allocated">
type StoredGroup = CounterContents["groups"][number]

type Line =
  | { readonly origin: CounterOrigin }
  | { readonly position: StoredPosition }
  | { readonly cell: Omit<CounterCell, "sum" | "sumSq"> & { readonly sum: Whole; readonly sumSq: Whole } }
  | { readonly row: RowOfGroups; readonly groups: readonly GroupCell[] }
  | { readonly sketch: Omit<StoredSketch, "sketch"> & { readonly registers: string } }
  | { readonly lines: number }

/**
 * Contents as lines of JSON, without line feeds: one each for an origin, a position, a counter, a row with all its unit groups and a sketch (its
 * registers in hexadecimal), and a last one that says how many there were. Line by line, since all of it may be more than a string can hold.
 */
export function* encodeContents(contents: WrittenContents): Generator<string, void, undefined> {
  let lines = 0
  for (const line of encodePart(contents)) {
    lines += 1
    yield line
  }
  yield encodeEnd(lines)
}

/** Some of the contents, as `encodeContents` writes them: parts may follow one another in any order. */
export function* encodePart(contents: WrittenContents): Generator<string, void, undefined> {
  for (const line of linesOf(contents)) yield JSON.stringify(line)
}

/** The last line. @param lines how many come before it */
export function encodeEnd(lines: number): string {
  return JSON.stringify({ lines } satisfies Line)
}

function* linesOf(contents: WrittenContents): Generator<Line, void, undefined> {
  const { origins = [], positions, cells, groups, sketches } = contents
  for (const origin of origins) yield { origin }
  for (const position of positions) yield { position }
  for (const cell of cells) yield { cell: { ...cell, sum: toWhole(cell.sum), sumSq: toWhole(cell.sumSq) } }
  yield* rowLines(groups)
  for (const { sketch, ...place } of sketches) yield { sketch: { ...place, registers: sketch.toHex() } }
}

/** Groups of one row follow one another. */
function* rowLines(groups: Iterable<StoredGroup>): Generator<Line, void, undefined> {
  let row: RowOfGroups | undefined
  let cells: GroupCell[] = []
  for (const { group, count, sum, sumSq, weighted, allocated, ...place } of groups) {
    if (row !== undefined && !isSameRow(row, place)) {
      yield { row, groups: cells }
      cells = []
    }
    row = place
    cells.push([group, count, ...[sum, sumSq, weighted, allocated].map(toWhole)])
  }
  if (row !== undefined) yield { row, groups: cells }
}

function isSameRow(a: RowOfGroups, b: RowOfGroups): boolean {
  return (
    a.hour === b.hour &&
    a.variant === b.variant &&
    a.series === b.series &&
    a.metric === b.metric &&
    a.epoch === b.epoch &&
    a.widthSeconds === b.widthSeconds &&
    a.experiment === b.experiment
  )
}

function toWhole(value: bigint): Whole {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}

/**
 * Contents as `encodeContents` wrote them. Whoever keeps the lines vouches for them: what is inside one is not checked.
 *
 * @returns undefined where a line is of no kind that there is, or the last one is missing
 */
export function decodeContents(lines: Iterable<string>): CounterContents | undefined {
  const origins: CounterOrigin[] = []
  const positions: StoredPosition[] = []
  const cells: CounterCell[] = []
  const groups: StoredGroup[] = []
  const sketches: StoredSketch[] = []
  let read = 0
  for (const text of lines) {
    const line = readJson(text) as Line | undefined
    if (line === undefined) return undefined
    if ("lines" in line) {
      if (line.lines !== read) return undefined
      return { ...(origins.length === 0 ? {} : { origins }), positions, cells, groups, sketches }
    }
    read += 1
    if ("origin" in line) origins.push(line.origin)
    else if ("position" in line) positions.push(line.position)
    else if ("cell" in line) cells.push({ ...line.cell, sum: BigInt(line.cell.sum), sumSq: BigInt(line.cell.sumSq) })
    else if ("row" in line) for (const cell of line.groups) groups.push(groupOf(line.row, cell))
    else if ("sketch" in line) {
      const { registers, ...place } = line.sketch
      sketches.push({ ...place, sketch: Uint8Array.fromHex(registers) })
    } else return undefined
  }
  return undefined
}

function groupOf(row: RowOfGroups, [group, count, ...sums]: GroupCell): StoredGroup {
  const [sum = 0n, sumSq = 0n, weighted = 0n, allocated = 0n] = sums.map(BigInt)
  return { ...row, group, count, sum, sumSq, weighted, allocated }
}
