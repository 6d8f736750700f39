import { mkdir, open, readdir, readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { gunzip, gzip } from "node:zlib"
import { decodeContents } from "../../domain/counter-contents.ts"
import { GatewayError } from "../../domain/errors.ts"
import type { ExperimentEvent } from "../../domain/events.ts"
import { readJson } from "../../domain/json-text.ts"
import { parseOutcomeLine } from "../../domain/outcome-line.ts"
import type { LogMark } from "../../domain/retention.ts"
import type { Checkpoint, CheckpointHead, Checkpoints } from "../../ports/checkpoints.ts"
import type { Logger } from "../../ports/logger.ts"
import { readPosition } from "./position-json.ts"
import { isAbsent, writeWhole } from "./whole-file.ts"

const NAME = /^(\d{8,})\.json\.gz$/
const KEPT = 2
const LINE_FEED = 10
const compress = promisify(gzip)
const decompress = promisify(gunzip)

/**
 * Checkpoints as files of `dataDir/checkpoints`, compressed: a line of JSON with the head, one for each revision, an empty one, and the
 * contents. The compressed form ends in a checksum, so that a file that is damaged or cut off is noticed.
 */
export function createCheckpointFiles(dataDir: string, logger: Logger): Checkpoints {
  const folder = join(dataDir, "checkpoints")
  const marker = join(folder, "restoring")
  /** Heads of the files that are there, as far as this process has read or written them; undefined: can't be read. */
  const known = new Map<number, CheckpointHead | undefined>()

  const pathOf = (number: number): string => join(folder, `${String(number).padStart(8, "0")}.json.gz`)

  /** Newest first. */
  async function numbers(): Promise<number[]> {
    const names = await namesIn(folder)
    return names
      .flatMap((name) => NAME.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => b - a)
  }

  /** What a file holds, as far as it is asked for; its checksum is looked at in any case. */
  async function load<T>(number: number, parse: (number: number, bytes: Buffer) => T | undefined) {
    const path = pathOf(number)
    try {
      const checkpoint = parse(number, await decompress(await readFile(path)))
      if (checkpoint === undefined) logger.warn({ path }, "not a checkpoint; an older one is used where there is one")
      return checkpoint
    } catch (error) {
      logger.warn({ path, err: error }, "a checkpoint can't be read; an older one is used where there is one")
      return undefined
    }
  }

  async function headOf(number: number): Promise<CheckpointHead | undefined> {
    if (!known.has(number)) known.set(number, await load(number, parseHead))
    return known.get(number)
  }

  return {
    list: () =>
      translating(async () => {
        const heads = await Promise.all((await numbers()).map(headOf))
        return heads.filter((head) => head !== undefined)
      }),
    newest: () =>
      translating(async () => {
        for (const number of await numbers()) {
          const checkpoint = await load(number, parse)
          if (checkpoint !== undefined) return checkpoint
        }
        return undefined
      }),
    write: (given, revisions, contents) =>
      translating(async () => {
        await mkdir(folder, { recursive: true })
        const before = await numbers()
        const head = { number: (before[0] ?? 0) + 1, ...given }
        const text = [headLine(head), ...revisions.map((event) => JSON.stringify(event)), "", ""]
        const path = pathOf(head.number)
        await writeWhole(path, await compress(Buffer.concat([Buffer.from(text.join("\n")), contents])), 0o640)
        await syncFolder(folder)
        known.set(head.number, head)
        // One that can't be read is no second one.
        const readable: number[] = []
        for (const number of before) if ((await headOf(number)) !== undefined) readable.push(number)
        const kept = readable.slice(0, KEPT - 1)
        for (const number of before.filter((one) => !kept.includes(one))) {
          await rm(pathOf(number), { force: true })
          known.delete(number)
        }
        return head
      }),
    setRestoring: (restoring) =>
      translating(async () => {
        await mkdir(folder, { recursive: true })
        if (restoring) await writeWhole(marker, "", 0o640)
        else await rm(marker, { force: true })
        await syncFolder(folder)
      }),
    isRestoring: () => translating(async () => (await namesIn(folder)).includes("restoring")),
  }
}

function parse(number: number, bytes: Buffer): Checkpoint | undefined {
  const end = bytes.indexOf("\n\n")
  const heads = bytes.toString("utf8", 0, Math.max(end, 0)).split("\n")
  const head = toHead(number, readJson(heads[0] ?? ""))
  const contents = end < 0 ? undefined : decodeContents(linesOf(bytes, end + 2))
  if (head === undefined || contents === undefined) return undefined
  const events = heads.slice(1).map(parseOutcomeLine)
  const revisions = events.filter((event): event is ExperimentEvent => event?.type === "experiment")
  return revisions.length === events.length ? { ...head, revisions, contents } : undefined
}

function* linesOf(bytes: Buffer, from: number): Generator<string, void, undefined> {
  let offset = from
  while (offset < bytes.length) {
    const feed = bytes.indexOf(LINE_FEED, offset)
    const end = feed < 0 ? bytes.length : feed
    yield bytes.toString("utf8", offset, end)
    offset = end + 1
  }
}

/** The first log's mark stands in the head itself, as in checkpoints of a single log. */
function headLine({ number, logs: [first, ...others], foldedTo }: CheckpointHead): string {
  return JSON.stringify({ v: 1, number, ...first, foldedTo, ...(others.length === 0 ? {} : { others }) })
}

function toHead(number: number, value: unknown): CheckpointHead | undefined {
  if (typeof value !== "object" || value === null || !("v" in value) || value.v !== 1) return undefined
  if (!("foldedTo" in value) || typeof value.foldedTo !== "number") return undefined
  const others: unknown[] = "others" in value && Array.isArray(value.others) ? value.others : []
  const first = toMark(value)
  const marks = others.map(toMark).filter((mark) => mark !== undefined)
  if (first === undefined || marks.length < others.length) return undefined
  return { number, logs: [first, ...marks], foldedTo: value.foldedTo }
}

function toMark(value: unknown): LogMark | undefined {
  if (typeof value !== "object" || value === null || !("log" in value) || !("watermark" in value)) return undefined
  const watermark = readPosition(value.watermark)
  return typeof value.log === "string" && watermark !== undefined ? { log: value.log, watermark } : undefined
}

function parseHead(number: number, bytes: Uint8Array): CheckpointHead | undefined {
  return toHead(number, readJson(new TextDecoder().decode(bytes.subarray(0, Math.max(0, bytes.indexOf(LINE_FEED))))))
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function translating<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new GatewayError("log_unavailable", {
      detail: "[checkpoints] checkpoints can't be read or written",
      cause,
    })
  }
}
