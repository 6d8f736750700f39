import type { CounterContents } from "../../domain/counter-contents.ts"
import type { RedisClient } from "./connection.ts"
import { CreditHours } from "./credit-hours.ts"
import type { ExperimentKeys } from "./keys.ts"
import { FILLS_WITHIN_MS, flat, newMark } from "./losses.ts"
import { Script, type ScriptArgument } from "./script.ts"
import { type Written, writtenContents } from "./write-contents.ts"

const BEGIN = new Script("state", "begin-restore")
const DROP = new Script("state", "drop")
const FILL = new Script("state", "fill")
const END = new Script("state", "end-restore")

/** Keys that one script deletes, and fields that one fills. */
const KEYS_AT_ONCE = 500
const FIELDS_AT_ONCE = 1_000

export interface Restored {
  readonly client: RedisClient
  readonly keys: ExperimentKeys
  /** The mark of the counters that are replaced, '' for none. */
  readonly mark: string
  /** How long credits of the logs are waited for, milliseconds; undefined: contents are put in place of whatever is there, and nothing is owed. */
  readonly creditsMs: number | undefined
  readonly nowSeconds: number
}

/**
 * Puts one experiment's contents in place of its counters: piece by piece, since all of it may take a server longer than others can wait. Nothing
 * is folded meanwhile. Whoever is overtaken by another gateway's restoring does nothing more.
 *
 * @returns the mark of the counters from now on; undefined where they are others than was said, or newer, or another restores them
 */
export async function restoreContents(to: Restored, contents: CounterContents): Promise<string | undefined> {
  const { client, keys, creditsMs, nowSeconds } = to
  const [origin] = contents.origins ?? []
  const at = creditsMs === undefined ? "" : (origin?.at ?? 0)
  const mark = newMark()
  const run = async (script: Script, names: readonly string[], values: readonly ScriptArgument[]): Promise<boolean> => {
    const [status] = await script.run(client, names, values)
    return status !== "generation"
  }
  const [begun] = await BEGIN.run(client, [keys.meta], [to.mark, mark, at, FILLS_WITHIN_MS])
  if (begun !== "begun") return undefined
  for (const some of inParts(await countedKeys(client, keys))) {
    if (!(await run(DROP, [keys.meta, ...some], [mark]))) return undefined
  }
  for (const { names, values } of pieces(writtenContents(keys, contents, nowSeconds))) {
    if (!(await run(FILL, [keys.meta, keys.changed, ...names], [mark, ...values]))) return undefined
  }
  const positions = contents.positions.map(({ log, position }) => [log, position] as const)
  const { version = 0, forgottenTo = 0, creditedSince = 0 } = origin ?? {}
  const values = [mark, at, version, forgottenTo, creditedSince, creditsMs ?? 0, ...flat(positions)]
  return (await run(END, [keys.meta, keys.logs, keys.owed], values)) ? mark : undefined
}

/** All that is counted, with its lists last: whoever is interrupted finds the rest. */
async function countedKeys(client: RedisClient, keys: ExperimentKeys): Promise<string[]> {
  const { changed, hours, expiry, due, logs, owed } = keys
  const [counted, credits] = await Promise.all([
    client.zrange(changed, "0", "-1"),
    new CreditHours(client, keys).allKeys(),
  ])
  return [...counted, ...credits, logs, owed, due, expiry, changed, hours]
}

function inParts(names: readonly string[]): string[][] {
  const parts: string[][] = []
  for (let from = 0; from < names.length; from += KEYS_AT_ONCE) parts.push(names.slice(from, from + KEYS_AT_ONCE))
  return parts
}

interface Piece {
  readonly names: string[]
  readonly values: ScriptArgument[]
}

function* pieces(written: Iterable<Written>): Generator<Piece, void, undefined> {
  let piece: Piece = { names: [], values: [] }
  for (const [key, holds] of written) {
    const parts = Buffer.isBuffer(holds) ? [holds] : inFields(holds)
    for (const part of parts) {
      piece.names.push(key)
      if (Buffer.isBuffer(part)) piece.values.push(0, part)
      else piece.values.push(part.length / 2, ...part)
      if (piece.values.length < 2 * FIELDS_AT_ONCE) continue
      yield piece
      piece = { names: [], values: [] }
    }
  }
  if (piece.names.length > 0) yield piece
}

function inFields(fields: readonly string[]): (readonly string[])[] {
  const parts: (readonly string[])[] = []
  for (let from = 0; from < fields.length; from += 2 * FIELDS_AT_ONCE) {
    parts.push(fields.slice(from, from + 2 * FIELDS_AT_ONCE))
  }
  return parts
}
