import { constants } from "node:fs"
import { type FileHandle, mkdir, open } from "node:fs/promises"
import { join } from "node:path"
import { entryOf } from "../../domain/entry-of.ts"
import { GatewayError } from "../../domain/errors.ts"
import { readJson } from "../../domain/json-text.ts"
import type { LogId } from "../../domain/log-position.ts"
import { PLACE_BYTES, readPlace } from "../../domain/placed-line.ts"
import type { CopiedLog } from "../../ports/copied-log.ts"
import { type ByteRange, ByteRanges } from "./byte-ranges.ts"
import { logFile } from "./log-files.ts"
import { type GatheredLog, runsOf } from "./log-runs.ts"

const LINE_FEED = 10
const CLOSING_BRACE = 125

/** A line of a log where it belongs, with its line feed. */
interface FiledLine extends ByteRange {
  readonly log: GatheredLog
  readonly file: number
  readonly bytes: Buffer
}

/** Bytes of one log file. */
interface Stretch extends ByteRange {
  readonly parts: Buffer[]
}

/**
 * Makes the files of logs again from copies of their lines, in whatever order these come and however often: each line says where it was, and is
 * written there. So memory holds one chunk of a copy, and which parts of each file are there.
 */
export class GatheredLogs {
  /** Lines that say no place: those of an older gateway, or of something else. */
  unplacedLines = 0
  /** Lines that are no JSON, and so not as the log had them. */
  damagedLines = 0
  readonly #folder: string
  readonly #logs = new Map<LogId, GatheredLog>()

  /** @param folder empty; it takes as much room as the logs do */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** Whether no line was of any log. */
  get isEmpty(): boolean {
    return this.#logs.size === 0
  }

  /**
   * Takes lines of any logs.
   *
   * @param lines whole lines with their line feeds. They are changed
   * @throws GatewayError `log_unavailable` where the folder can't be written
   */
  async take(lines: Buffer): Promise<void> {
    const filed: FiledLine[] = []
    for (let begin = 0; begin < lines.length; ) {
      const feed = lines.indexOf(LINE_FEED, begin)
      const line = this.#file(lines, begin, feed)
      if (line !== undefined) filed.push(line)
      begin = feed + 1
    }
    await this.#inFolder(async () => {
      for (const some of Map.groupBy(filed, ({ log, file }) => `${log.id} ${file}`).values()) await write(some)
    })
  }

  /** @throws GatewayError `log_unavailable` */
  async logs(): Promise<CopiedLog[]> {
    return await this.#inFolder(() => Promise.all(Array.from(this.#logs.values(), runsOf)))
  }

  async #inFolder<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (cause) {
      const detail = `${this.#folder}, where lines of the copies are put together, can't be written: make room, or name another place in TMPDIR`
      throw new GatewayError("log_unavailable", { detail, cause })
    }
  }

  /** The line as it was in its log; undefined where it doesn't say which that is, or was damaged. */
  #file(lines: Buffer, begin: number, feed: number): FiledLine | undefined {
    const read = readPlace(lines.toString("latin1", Math.max(begin, feed - PLACE_BYTES), feed))
    if (read === undefined) {
      if (feed > begin) this.unplacedLines += 1
      return undefined
    }
    const { place, length } = read
    const brace = feed - length
    lines[brace] = CLOSING_BRACE
    lines[brace + 1] = LINE_FEED
    const bytes = lines.subarray(begin, brace + 2)
    const { file, offset: end } = place.end
    const start = { file, offset: end - bytes.length }
    const event = readJson(bytes.toString())
    if (typeof event !== "object" || event === null || start.offset < 0) {
      this.damagedLines += 1
      return undefined
    }
    const log = entryOf(this.#logs, place.log, () => emptyLog(place.log, join(this.#folder, place.log)))
    if (place.after !== undefined) log.links.set(`${file}:${start.offset}`, { begin: start, after: place.after })
    const { type, experiment } = event as { readonly type?: unknown; readonly experiment?: unknown }
    if ((type === "decision" || type === "reward") && typeof experiment === "string") log.experiments.add(experiment)
    return { log, file, begin: start.offset, end, bytes }
  }
}

function emptyLog(id: LogId, folder: string): GatheredLog {
  return { id, folder, files: new Map(), links: new Map(), experiments: new Set(), contradiction: undefined }
}

/** @param lines of one file, at least one */
async function write(lines: readonly FiledLine[]): Promise<void> {
  const [first] = lines
  if (first === undefined) return
  const { log, file } = first
  const ranges = entryOf(log.files, file, () => new ByteRanges())
  const stretches = stretchesOf(lines)
  await mkdir(log.folder, { recursive: true })
  const handle = await open(logFile(log.folder, file), constants.O_RDWR | constants.O_CREAT, 0o640)
  try {
    for (const { begin, end, parts } of stretches) {
      const bytes = Buffer.concat(parts)
      const stretch = { begin, end, bytes }
      if (!(await agrees(handle, stretch, ranges))) log.contradiction ??= { file, offset: begin }
      await handle.write(bytes, 0, bytes.length, begin)
      ranges.add(stretch)
    }
  } finally {
    await handle.close()
  }
}

/** Lines that touch are one stretch; those that are the same are there once. Lines that overlap otherwise contradict each other. */
function stretchesOf(lines: readonly FiledLine[]): Stretch[] {
  const stretches: Stretch[] = []
  let last: FiledLine | undefined
  let stretch: { begin: number; end: number; parts: Buffer[] } | undefined
  for (const line of lines.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (last !== undefined && stretch !== undefined && line.begin < stretch.end) {
      const isSame = line.begin === last.begin && line.bytes.equals(last.bytes)
      if (!isSame) line.log.contradiction ??= { file: line.file, offset: line.begin }
      continue
    }
    if (stretch !== undefined && line.begin === stretch.end) {
      stretch.parts.push(line.bytes)
      stretch.end = line.end
    } else {
      stretch = { begin: line.begin, end: line.end, parts: [line.bytes] }
      stretches.push(stretch)
    }
    last = line
  }
  return stretches
}

/** Whether what a file has of a stretch is the same. */
async function agrees(
  handle: FileHandle,
  stretch: ByteRange & { readonly bytes: Buffer },
  ranges: ByteRanges,
): Promise<boolean> {
  for (const { begin, end } of ranges.within(stretch)) {
    const there = Buffer.alloc(end - begin)
    await handle.read(there, 0, there.length, begin)
    if (!there.equals(stretch.bytes.subarray(begin - stretch.begin, end - stretch.begin))) return false
  }
  return true
}
