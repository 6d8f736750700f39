import { daySpanAt } from "../../domain/bucket-widths.ts"
import type { CounterContents } from "../../domain/counter-contents.ts"
import { entryOf } from "../../domain/entry-of.ts"
import { pieces, widthIndex } from "./fold-plan.ts"
import { bucketField, counterField, type ExperimentKeys, GROUP_SUMS } from "./keys.ts"

/** What a key is to hold: fields and their values, one after the other, or a sketch's registers. */
export type Written = readonly [key: string, holds: readonly string[] | Buffer]

/** An experiment's contents as what its keys are to hold. */
export function* writtenContents(
  keys: ExperimentKeys,
  { cells, groups, sketches }: Pick<CounterContents, "cells" | "groups" | "sketches">,
  nowSeconds: number,
): Generator<Written, void, undefined> {
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
  for (const [key, fields] of hashes) {
    const held: string[] = []
    for (const [field, sum] of fields) {
      // A sum that is larger than a field may be goes on in others, as it does when it grows there.
      for (const [aside, piece] of [...pieces(sum)].entries()) {
        held.push(aside === 0 ? field : `${field}+${aside}`, String(piece))
      }
    }
    yield [key, held]
  }
  for (const { sketch, ...place } of sketches) {
    yield [keys.sketch(place, daySpanAt(place.day, nowSeconds)), Buffer.from(sketch)]
  }
}
