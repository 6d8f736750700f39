import { bucketAt, daySpanAt, groupSpanAt, WIDTHS, type WidthStep } from "../../domain/bucket-widths.ts"
import { DELAY_WINDOWS_KEPT, parseDelayMetric } from "../../domain/delay-counters.ts"
import type { RedisClient } from "./connection.ts"
import { readHeld } from "./experiment-reader.ts"
import { indexIn, widthIndex } from "./fold-plan.ts"
import { type ExperimentKeys, readCounterField, readGroupKey, readSketchKey } from "./keys.ts"
import { Script } from "./script.ts"

const MOVE = new Script("cells", "state", "move")
const PURGE = new Script("state", "purge")

const DAY = 86_400
const LONGEST_BUCKET_SECONDS = Math.max(...WIDTHS)

/** Fields and sketches that are moved by one script, and keys that are deleted by one command. */
const AT_ONCE = 500
/** Keys that `move` names before those that it moves between. */
const MOVE_KEYS = 2

/** One experiment's counters as they are to be kept small. */
export interface Tidied {
  readonly client: RedisClient
  readonly keys: ExperimentKeys
  readonly generation: string
  readonly steps: readonly WidthStep[]
}

/**
 * Makes counters, group rows and sketches as wide as they may be at their age, and drops delays that nobody looks back on. Each script is one
 * step, and what another gateway has moved is left alone.
 *
 * @param all whether days are looked at too whose counters have been as wide as they get since
 */
export async function widen(tidied: Tidied, nowSeconds: number, all: boolean): Promise<void> {
  const { client, keys, generation } = tidied
  const known = await client.zrange(keys.changed, "0", "-1")
  for (const { fields, sketches } of await findMoves(tidied, known, nowSeconds, all)) {
    const touched = new Map<string, number>()
    const index = (key: string) => indexIn(touched, key) + MOVE_KEYS
    const moves = {
      fields: fields.flatMap(([from, field, to, target]) => [index(from), field, index(to), target]),
      sketches: sketches.flatMap(([from, to]) => [index(from), index(to)]),
    }
    await MOVE.run(client, [keys.meta, keys.changed, ...touched.keys()], [generation, JSON.stringify(moves)])
  }
}

/** Forgets the credits of hours whose tokens have all been dead since before a time. @param before epoch seconds */
export async function purge({ client, keys, generation }: Tidied, before: number): Promise<void> {
  const hours = await client.zrangebyscore(keys.expiry, "-inf", `(${before}`)
  if (hours.length === 0) return
  const [status] = await PURGE.run(client, [keys.meta], [generation, before])
  if (status !== "purged") return
  for (const hour of hours) {
    const buckets = Number(await client.hget(keys.hours, hour))
    for (let from = 0; from < buckets; from += AT_ONCE) {
      const count = Math.min(AT_ONCE, buckets - from)
      await client.unlink(Array.from({ length: count }, (_, index) => keys.credits(hour, from + index)))
    }
    // Last: where this ends before, the hour is found again.
    await client.hdel(keys.hours, hour, `n:${hour}`)
    await client.zrem(keys.expiry, hour)
  }
}

/** What is to be moved, as `lua/move.lua` takes it, with keys by name. */
interface Moves {
  /** From key, from field, to key, to field; no field to drop it. */
  readonly fields: readonly (readonly [string, string, string, string])[]
  readonly sketches: readonly (readonly [string, string])[]
}

/** What of these keys has become too fine for its age, as much at a time as one script moves. */
async function findMoves(
  { client, keys, steps }: Tidied,
  candidates: readonly string[],
  nowSeconds: number,
  all: boolean,
): Promise<Moves[]> {
  const settled = (names: readonly string[]) => isSettled(Number(names[4]), steps, nowSeconds)
  const old = candidates.filter((key) => {
    const { kind, names } = keys.read(key)
    return kind === "c" ? all || names[3]?.includes("@") === true || !settled(names) : mayBeOld(kind, names, nowSeconds)
  })
  const held = await readHeld(client, keys, old)
  const fields: [string, string, string, string][] = []
  const sketches: [string, string][] = []
  for (const [key, value] of held) {
    const { kind, names } = keys.read(key)
    if (Buffer.isBuffer(value)) {
      const { day, widthSeconds, ...place } = readSketchKey(names)
      const span = daySpanAt(day, nowSeconds)
      if (span.width !== widthSeconds) sketches.push([key, keys.sketch(place, span)])
    } else if (kind === "g") {
      const { hour, ...place } = readGroupKey(names)
      const target = keys.groups(place, groupSpanAt(hour, nowSeconds))
      for (const field of Object.keys(value)) fields.push([key, field, target, field.split("+")[0] ?? ""])
    } else {
      for (const field of Object.keys(value)) {
        const target = widerField(names[3] ?? "", field, steps, nowSeconds)
        if (target !== undefined) fields.push([key, field, key, target])
      }
    }
  }
  const moves: Moves[] = []
  for (let from = 0; from < Math.max(fields.length, sketches.length); from += AT_ONCE) {
    const until = from + AT_ONCE
    moves.push({ fields: fields.slice(from, until), sketches: sketches.slice(from, until) })
  }
  return moves
}

/** Whether a group row or a sketch is kept by a longer time at its age: all of one is. */
function mayBeOld(kind: string, names: readonly string[], nowSeconds: number): boolean {
  if (kind === "s") {
    const { day, widthSeconds } = readSketchKey(names)
    return daySpanAt(day, nowSeconds).width !== widthSeconds
  }
  const { hour, widthSeconds } = readGroupKey(names)
  return groupSpanAt(hour, nowSeconds).width !== widthSeconds
}

/** The field that a counter's field belongs into at its age; '' where nobody looks back on it; undefined: where it is. */
function widerField(
  keyMetric: string,
  field: string,
  steps: readonly WidthStep[],
  nowSeconds: number,
): string | undefined {
  const { metric, bucket, widthIndex: index } = readCounterField(keyMetric, field)
  const delay = parseDelayMetric(metric)
  if (delay !== undefined) {
    const keptSeconds = DELAY_WINDOWS_KEPT * delay.windowSeconds + LONGEST_BUCKET_SECONDS
    if (bucket < nowSeconds - keptSeconds) return ""
  }
  const wide = bucketAt(bucket, nowSeconds, steps)
  if (wide.width <= (WIDTHS[index] ?? 1)) return undefined
  const [, , bin, sum] = (field.split("+")[0] ?? "").split(".")
  return `${wide.bucket}.${widthIndex(wide.width)}.${bin}.${sum}`
}

/** Whether all of a day's counters have been as wide as they get. */
function isSettled(day: number, steps: readonly WidthStep[], nowSeconds: number): boolean {
  const last = Math.max(0, ...steps.map(({ afterSeconds }) => afterSeconds))
  return (day + 2) * DAY + last < nowSeconds
}
