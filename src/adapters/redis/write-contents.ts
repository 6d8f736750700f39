import { daySpanAt } from "../../domain/bucket-widths.ts"
import type { CounterContents } from "../../domain/counter-contents.ts"
import { entryOf } from "../../domain/entry-of.ts"
import type { RedisClient } from "./connection.ts"
import { positionText } from "./experiment-reader.ts"
import { pieces, widthIndex } from "./fold-plan.ts"
import { bucketField, counterField, type ExperimentKeys, GROUP_SUMS } from "./keys.ts"

/**
 * Adds to a transaction what puts an experiment's contents where nothing is counted.
 *
 * @param change the number that its keys are listed under, as changed
 */
export function writeContents(
  step: ReturnType<RedisClient["multi"]>,
  keys: ExperimentKeys,
  { positions, cells, groups, sketches }: CounterContents,
  { change, nowSeconds }: { readonly change: number; readonly nowSeconds: number },
): void {
  const hashes = new Map<string, Map<string, bigint>>()
  const add = (key: string, field: string, sum: bigint): void => {
    if (sum === 0n) return
    const fields = entryOf(hashes, key, () => new Map<string, bigint>())
    fields.set(field, (fields.get(field) ?? 0n) + sum)
  }
  for (const cell of cells) {
    const key = keys.counters(cell, cell.bucket)
    const bucket = bucketField(cell.bucket, widthIndex(cell.widthSeconds))
    for (const [index, sum] of [BigInt(cell.count), cell.sum, cell.sumSq].entries()) {
      add(key, counterField(bucket, cell.metric, index), sum)
    }
  }
  for (const row of groups) {
    const key = keys.groups(row, { start: row.hour, width: row.widthSeconds })
    const sums = [BigInt(row.count), row.sum, row.sumSq, row.weighted, row.allocated]
    for (const [index, sum] of sums.entries()) add(key, String(row.group * GROUP_SUMS + index), sum)
  }
  const changed = (key: string) => step.zadd(keys.changed, String(change), key)
  for (const [key, fields] of hashes) {
    const held: Record<string, string> = {}
    for (const [field, sum] of fields) {
      // A sum that is larger than a field may be goes on in others, as it does when it grows there.
      for (const [aside, piece] of [...pieces(sum)].entries()) {
        held[aside === 0 ? field : `${field}+${aside}`] = String(piece)
      }
    }
    step.hset(key, held)
    changed(key)
  }
  for (const { sketch, ...place } of sketches) {
    const key = keys.sketch(place, daySpanAt(place.day, nowSeconds))
    step.set(key, Buffer.from(sketch))
    changed(key)
  }
  for (const { log, position } of positions) step.hset(keys.logs, log, `${positionText(position)}\n0\n`)
}
