import { type Resolution, WIDTHS } from "../../domain/bucket-widths.ts"
import type { CounterContents } from "../../domain/counter-contents.ts"
import type { CounterCell } from "../../domain/counter-table.ts"
import { entryOf } from "../../domain/entry-of.ts"
import { GatewayError } from "../../domain/errors.ts"
import type { GroupRow } from "../../domain/group-rows.ts"
import { isAfter, type LogId, type LogPosition } from "../../domain/log-position.ts"
import { emptySketch } from "../../domain/unit-sketch.ts"
import type { GroupStatistics, SketchAddition } from "../../ports/counter-store.ts"
import type { RedisClient } from "./connection.ts"
import {
  creditHourStart,
  type ExperimentKeys,
  GROUP_SUMS,
  readCounterField,
  readCounterKey,
  readGroupKey,
  readSketchKey,
} from "./keys.ts"

/** Keys that are read by one pipeline. */
const AT_ONCE = 200
/** A store that changes elsewhere each time it is read isn't one that gateways fold into. */
const MOST_TRIES = 20

/** What a hash or a sketch holds, as Redis answers it. */
export type Held = Readonly<Record<string, string>> | Buffer

/** What is said of an experiment's counters as a whole. */
export interface Meta {
  readonly generation: string | undefined
  readonly version: number
  /** The number of the last change. */
  readonly changes: number
  readonly gone: number
  /** Tokens that died before this time are forgotten, epoch seconds. */
  readonly forgottenTo: number
  /** Whether the counters were lost and are not whole yet. */
  readonly isLost: boolean
  /** Additions that are still to be made. */
  readonly due: number
}

/** Up to where a reader has read what is counted. */
export type ReadState = Pick<Meta, "changes" | "gone" | "generation">

export const UNREAD: ReadState = { changes: 0, gone: 0, generation: undefined }

export function stateOf({ changes, gone, generation }: Meta): ReadState {
  return { changes, gone, generation }
}

/** Whether what has changed is all that there is to read; else everything has to be read. */
export function goesOn(known: ReadState, now: Meta): boolean {
  if (known.changes === 0) return true
  return known.gone === now.gone && known.generation === now.generation && known.changes <= now.changes
}

export interface MetaAndChanges {
  readonly meta: Meta
  /** Keys that have changed since. */
  readonly changed: readonly string[]
  /** Where each log stands. */
  readonly positions: ReadonlyMap<LogId, LogPosition>
  /** How far logs were folded in counters that were lost, where these here don't have it yet. */
  readonly missing: ReadonlyMap<LogId, LogPosition>
}

const META = ["generation", "version", "changes", "gone", "purged", "lost"] as const

/** Reads what is said of an experiment as a whole. @param since number of the last change that is known */
export async function readMeta(client: RedisClient, keys: ExperimentKeys, since: number): Promise<MetaAndChanges> {
  const pipeline = client.pipeline()
  // First: whoever learns which counters these are, and not how far logs were, takes others for a beginning.
  pipeline.hgetall(keys.logs)
  pipeline.hgetall(keys.missing)
  pipeline.hmget(keys.meta, ...META)
  pipeline.llen(keys.due)
  pipeline.zrangebyscore(keys.changed, `(${since}`, "+inf")
  const [logs, missing, values, due, changed] = resultsOf(await pipeline.exec())
  return {
    meta: metaOf(values, due),
    changed: changed as string[],
    positions: positionsOf(logs as Record<string, string>),
    missing: positionsOf(missing as Record<string, string>),
  }
}

function metaOf(values: unknown, due: unknown): Meta {
  const [generation, version, changes, gone, purged, lost] = values as (string | null)[]
  return {
    generation: generation ?? undefined,
    version: Number(version ?? 0),
    changes: Number(changes ?? 0),
    gone: Number(gone ?? 0),
    forgottenTo: Number(purged ?? 0),
    isLost: (lost ?? null) !== null,
    due: Number(due),
  }
}

/** Reads how fine the counters have to stay; undefined where nobody has said it. */
export async function readResolution(client: RedisClient, keys: ExperimentKeys): Promise<Resolution | undefined> {
  const text = await client.hget(keys.meta, "resolution")
  if (text === null) return undefined
  const { memorySeconds, forgottenAfterSeconds, maturationSeconds } = JSON.parse(text) as Resolution
  return { memorySeconds, forgottenAfterSeconds, maturationSeconds }
}

/** Reads hashes and sketches; those that are gone are left out. */
export async function readHeld(
  client: RedisClient,
  keys: ExperimentKeys,
  wanted: readonly string[],
): Promise<Map<string, Held>> {
  const held = new Map<string, Held>()
  for (let from = 0; from < wanted.length; from += AT_ONCE) {
    const some = wanted.slice(from, from + AT_ONCE)
    const pipeline = client.pipeline()
    for (const key of some) addRead(pipeline, keys, key)
    takeHeld(some, resultsOf(await pipeline.exec()), held)
  }
  return held
}

function addRead(pipeline: ReturnType<RedisClient["pipeline"]>, keys: ExperimentKeys, key: string): void {
  if (keys.read(key).kind === "s") pipeline.getBuffer(key)
  else pipeline.hgetall(key)
}

function takeHeld(wanted: readonly string[], results: readonly unknown[], held: Map<string, Held>): void {
  for (const [index, key] of wanted.entries()) {
    const value = results[index] as Held | null
    if (value === null || (!Buffer.isBuffer(value) && Object.keys(value).length === 0)) held.delete(key)
    else held.set(key, value)
  }
}

/** @throws Error the first that any of a pipeline's commands was answered */
export function resultsOf(replies: readonly (readonly [Error | null, unknown])[] | null): unknown[] {
  return (replies ?? []).map(([error, result]) => {
    if (error !== null) throw error
    return result
  })
}

/** Counters of one key. */
export function cellsOf(
  experiment: string,
  names: readonly string[],
  fields: Readonly<Record<string, string>>,
): CounterCell[] {
  const place = readCounterKey(names)
  const cells = new Map<string, { -readonly [Field in keyof CounterCell]: CounterCell[Field] }>()
  for (const [field, text] of Object.entries(fields)) {
    const { metric, bucket, widthIndex, sum } = readCounterField(place.metric, field)
    const cell = entryOf(cells, `${metric}\n${bucket}\n${widthIndex}`, () => {
      const widthSeconds = WIDTHS[widthIndex] ?? 1
      return { experiment, ...place, metric, bucket, widthSeconds, count: 0, sum: 0n, sumSq: 0n }
    })
    if (sum === 0) cell.count += Number(text)
    else if (sum === 1) cell.sum += BigInt(text)
    else cell.sumSq += BigInt(text)
  }
  const counted = [...cells.values()].filter(({ count, sum, sumSq }) => count !== 0 || sum !== 0n || sumSq !== 0n)
  return counted.toSorted((a, b) => a.bucket - b.bucket)
}

/** Group rows of one key. */
function groupRowsOf(names: readonly string[], fields: Readonly<Record<string, string>>): GroupRow[] {
  const place = readGroupKey(names)
  const groups = new Map<number, bigint[]>()
  for (const [field, text] of Object.entries(fields)) {
    const cell = Number.parseInt(field, 10)
    const sums = entryOf(groups, Math.floor(cell / GROUP_SUMS), () => Array.from({ length: GROUP_SUMS }, () => 0n))
    sums[cell % GROUP_SUMS] = (sums[cell % GROUP_SUMS] ?? 0n) + BigInt(text)
  }
  const sorted = [...groups].toSorted(([a], [b]) => a - b)
  return sorted.flatMap(([group, [count = 0n, sum = 0n, sumSq = 0n, weighted = 0n, allocated = 0n]]) => {
    if ([count, sum, sumSq, weighted, allocated].every((value) => value === 0n)) return []
    return [{ ...place, group, count: Number(count), sum, sumSq, weighted, allocated }]
  })
}

/** Group rows and sketches. @param changed all keys of the experiment */
export async function readGroups(
  client: RedisClient,
  keys: ExperimentKeys,
  changed: readonly string[],
): Promise<GroupStatistics> {
  const wanted = changed.filter((key) => keys.read(key).kind !== "c")
  const held = [...(await readHeld(client, keys, wanted))]
  return {
    rows: held.flatMap(([key, fields]) => (Buffer.isBuffer(fields) ? [] : groupRowsOf(keys.read(key).names, fields))),
    sketches: held.flatMap(([key, registers]) => {
      return Buffer.isBuffer(registers) ? [sketchOf(keys.read(key).names, registers)] : []
    }),
  }
}

function sketchOf(names: readonly string[], registers: Buffer): SketchAddition {
  const { variant, series, day } = readSketchKey(names)
  const sketch = emptySketch()
  sketch.set(registers)
  return { variant, series, day, sketch }
}

/** What has changed of an experiment, and what holds for all of it at the same moment. */
export interface Changes {
  readonly meta: Meta
  /** Epoch milliseconds by the server's clock. */
  readonly at: number
  /** No decision that was made before this time has a credit, epoch seconds. */
  readonly creditedSince: number
  readonly positions: ReadonlyMap<LogId, LogPosition>
  /** What the keys hold that have changed; those that hold nothing any more are left out. */
  readonly held: ReadonlyMap<string, Held>
}

/** Reads what has changed since, and the positions that it stands for. @param since number of the last change that is known */
export async function readChanges(client: RedisClient, keys: ExperimentKeys, since: number): Promise<Changes> {
  const { meta, changed, positions: before } = await readMeta(client, keys, since)
  const held = await readHeld(client, keys, changed)
  // What changes meanwhile is read again in one step with the positions: the same few keys each time, so that soon nothing else has changed.
  let busy: string[] = []
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const reading = client.multi()
    reading.hmget(keys.meta, ...META)
    reading.llen(keys.due)
    reading.time()
    reading.hgetall(keys.logs)
    reading.zrange(keys.expiry, "0", "-1")
    reading.zrangebyscore(keys.changed, `(${meta.changes}`, "+inf")
    for (const key of busy) addRead(reading, keys, key)
    const [values, due, time, logs, hours, changes, ...read] = resultsOf(await reading.exec())
    const now = metaOf(values, due)
    const positions = positionsOf(logs as Record<string, string>)
    if (!goesOn(meta, now) || haveFallenBack(before, positions)) return await readChanges(client, keys, since)
    const changedSince = changes as string[]
    if (now.due === 0 && changedSince.every((key) => busy.includes(key))) {
      takeHeld(busy, read, held)
      const [seconds, microseconds] = time as [string | number, string | number]
      const at = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
      const creditedSince = (hours as string[]).reduce(
        (first, hour) => Math.min(first, creditHourStart(hour)),
        at / 1000,
      )
      return { meta: now, at, creditedSince, positions, held }
    }
    busy = [...new Set([...busy, ...changedSince])]
  }
  throw new GatewayError("store_unavailable", {
    detail: "[redis] counters can't be read as a whole: they keep changing",
  })
}

/** Everything that is counted of an experiment, with the positions that it stands for. */
export async function readContents(
  client: RedisClient,
  experiment: string,
  keys: ExperimentKeys,
): Promise<CounterContents> {
  const changes = await readChanges(client, keys, 0)
  const sorted = [...changes.held].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const parts = sorted.map(([key, value]) => contentsOf(experiment, keys, key, value))
  return {
    ...standOf(experiment, changes),
    cells: parts.flatMap(({ cells }) => cells),
    groups: parts.flatMap(({ groups }) => groups),
    sketches: parts.flatMap(({ sketches }) => sketches),
  }
}

/** Which counters these are, and where each log stands in them. */
export function standOf(
  experiment: string,
  { meta, at, creditedSince, positions }: Changes,
): Pick<CounterContents, "origins" | "positions"> {
  const { generation, version, forgottenTo } = meta
  const origin = {
    experiment,
    mark: generation ?? "",
    at,
    version,
    forgottenTo,
    creditedSince: Math.floor(creditedSince),
  }
  return {
    ...(generation === undefined ? {} : { origins: [origin] }),
    positions: Array.from(positions, ([log, position]) => ({ experiment, log, position })),
  }
}

/** What one key counts. */
export function contentsOf(
  experiment: string,
  keys: ExperimentKeys,
  key: string,
  value: Held,
): Pick<CounterContents, "cells" | "groups" | "sketches"> {
  const { kind, names } = keys.read(key)
  if (Buffer.isBuffer(value)) return { cells: [], groups: [], sketches: [{ experiment, ...sketchOf(names, value) }] }
  if (kind === "c") return { cells: cellsOf(experiment, names, value), groups: [], sketches: [] }
  return { cells: [], groups: groupRowsOf(names, value).map((row) => ({ experiment, ...row })), sketches: [] }
}

/** Whether any log stands before where it did. */
function haveFallenBack(before: ReadonlyMap<LogId, LogPosition>, now: ReadonlyMap<LogId, LogPosition>): boolean {
  return [...before].some(([log, position]) => isAfter(position, now.get(log)))
}

/** Where each log stands, by its id. */
function positionsOf(logs: Readonly<Record<string, string>>): Map<LogId, LogPosition> {
  const known = Object.entries(logs).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return new Map(
    known.flatMap(([log, text]) => {
      // The answers of a batch in parts, which hasn't moved the position.
      const position = log.endsWith("\n") ? undefined : parsePosition(text)
      return position === undefined ? [] : [[log, position] as const]
    }),
  )
}

/** A position as it is kept, on the first line of what is kept of a log. */
export function positionText(position: LogPosition | undefined): string {
  return position === undefined ? "" : `${position.file}:${position.offset}:${position.hash}`
}

export function parsePosition(text: string): LogPosition | undefined {
  const [, file, offset, hash = ""] = /^(\d+):(\d+):([^\n]*)/.exec(text) ?? []
  return file === undefined ? undefined : { file: Number(file), offset: Number(offset), hash }
}
