import { open } from "node:fs/promises"
import { isAfter, type LogId, type LogPosition } from "../../domain/log-position.ts"
import { isSamePlace, type LinePlace, LOG_BEGIN } from "../../domain/placed-line.ts"
import type { CopiedLog, LogRun } from "../../ports/copied-log.ts"
import type { OutcomeReader } from "../../ports/outcome-reader.ts"
import type { ByteRanges } from "./byte-ranges.ts"
import { logFile, positionAt } from "./log-files.ts"
import { createOutcomeReader } from "./outcome-reader.ts"

/** What is there of one log. */
export interface GatheredLog {
  readonly id: LogId
  readonly folder: string
  readonly files: Map<number, ByteRanges>
  /** By file and offset of events that don't begin where the event before them ends: where that is. */
  readonly links: Map<string, { readonly begin: LinePlace; readonly after: LinePlace }>
  readonly experiments: Set<string>
  contradiction: LinePlace | undefined
}

/** A part of a log between two events: damage, or the way from one file to the next. */
interface Join {
  readonly from: LinePlace
  readonly to: LinePlace
}

/** A run that grows. */
interface OpenRun {
  readonly begin: LinePlace
  end: LinePlace
  readonly joins: Join[]
}

/** The runs that the gathered lines of a log make. */
export async function runsOf(log: GatheredLog): Promise<CopiedLog> {
  const { id, folder, files, links, experiments } = log
  const open: OpenRun[] = []
  let { contradiction } = log
  for (const file of [...files.keys()].toSorted((a, b) => a - b)) {
    for (const { begin: offset, end } of files.get(file)?.all ?? []) {
      const begin = { file, offset }
      const before = links.get(`${file}:${offset}`)?.after ?? begin
      const last = open.at(-1)
      if (last !== undefined && isAfter(last.end, before)) contradiction ??= before
      if (last === undefined || !isSamePlace(last.end, before)) {
        open.push({ begin: before, end: { file, offset: end }, joins: [{ from: before, to: begin }] })
      } else {
        last.joins.push({ from: before, to: begin })
        last.end = { file, offset: end }
      }
      await endDamage(folder, before, begin)
    }
  }
  const runs = contradiction === undefined ? await Promise.all(open.map((run) => runOf(folder, run))) : []
  return { id, runs, experiments, contradiction }
}

/** What is no event between two that are was not copied: it is read as one damaged line. */
async function endDamage(folder: string, before: LinePlace, begin: LinePlace): Promise<void> {
  const damage = before.file === begin.file ? begin.offset - before.offset : begin.offset
  if (damage <= 0 || isSamePlace(before, LOG_BEGIN)) return
  const file = await open(logFile(folder, begin.file), "r+")
  try {
    await file.write(Buffer.of(10), 0, 1, begin.offset - 1)
  } finally {
    await file.close()
  }
}

async function runOf(folder: string, { begin, end: { file, offset }, joins }: OpenRun): Promise<LogRun> {
  const reader = createOutcomeReader(folder)
  const end = (await positionAt(logFile(folder, file), file, offset)) ?? { file, offset, hash: "" }
  const first: LogPosition = { ...(joins[0]?.to ?? begin), hash: "" }
  const isJoin = (place: LinePlace): boolean =>
    joins.some(({ from, to }) => !isAfter(from, place) && !isAfter(place, to) && !isSamePlace(from, place))
  const own: OutcomeReader = {
    spans: () => reader.spans(),
    begin: async () => first,
    end: async () => end,
    reaches: async (position) => {
      if (isAfter(position, end) || isAfter(begin, position)) return false
      return isSamePlace(position, begin) || isJoin(position) || (await reader.reaches(position))
    },
    read: (from, until) =>
      reader.read(
        from === undefined || isAfter(first, from) ? first : from,
        until === undefined || isAfter(until, end) ? end : until,
      ),
  }
  return { begin: isSamePlace(begin, LOG_BEGIN) ? undefined : begin, end, reader: own }
}
