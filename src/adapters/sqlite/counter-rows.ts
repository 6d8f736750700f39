import type { DatabaseSync, StatementSync } from "node:sqlite"
import { WIDTHS } from "../../domain/bucket-widths.ts"
import type { CounterCell } from "../../domain/counter-table.ts"
import type { CounterRow } from "../../domain/statistics.ts"
import { type CounterName, counterNameOf } from "./counter-names.ts"

/** One bucket of one name. */
export interface CounterPlace {
  readonly name: number
  readonly width: number
  readonly bucket: number
}

export interface CounterSums {
  readonly count: number
  readonly sum: bigint
  readonly sumSq: bigint
}

interface KnownBucket {
  readonly width: number
  readonly bucket: number
  count: number
  sum: bigint
  sumSq: bigint
}

/** What nobody has asked for in so long is read from the table again when somebody does. */
const UNASKED_SECONDS = 600

/** SQLite's answer where a sum passed 64 bits: it went on as floating point, which the column refuses. */
const CONSTRAINT_DATATYPE = 3_091

/**
 * Counters in their table, and those that statistics were made of in memory too: they are asked for every second, and change in few places.
 *
 * A bucket whose sums pass 64 bits goes on in its next `part`.
 */
export class CounterRows {
  readonly #add: StatementSync
  readonly #rowsOf: StatementSync
  readonly #narrow: StatementSync
  readonly #remove: StatementSync
  readonly #all: StatementSync
  readonly #dataVersion: StatementSync
  readonly #known = new Map<number, Map<number, KnownBucket>>()
  #knownVersion: unknown
  /** Names that nobody has asked for since this time, epoch seconds. */
  #unasked = { since: 0, names: new Set<number>() }

  constructor(database: DatabaseSync) {
    this.#add = database.prepare(`
      INSERT INTO counters (name, width, bucket, part, count, sum, sum_sq) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET count = count + excluded.count, sum = sum + excluded.sum, sum_sq = sum_sq + excluded.sum_sq`)
    this.#rowsOf = database.prepare("SELECT name, width, bucket, part, count, sum, sum_sq FROM counters WHERE name = ?")
    this.#narrow = database.prepare(
      "SELECT name, width, bucket, part, count, sum, sum_sq FROM counters WHERE name = ? AND width = ? AND bucket < ? LIMIT ?",
    )
    this.#remove = database.prepare("DELETE FROM counters WHERE name = ? AND width = ? AND bucket = ? AND part = ?")
    this.#all = database.prepare(`
      SELECT experiment, cohort, variant, series, metric, width, bucket, count, sum, sum_sq
      FROM counters JOIN counter_names ON counter_names.id = counters.name`)
    this.#dataVersion = database.prepare("PRAGMA data_version")
    for (const statement of [this.#rowsOf, this.#narrow, this.#all]) statement.setReadBigInts(true)
  }

  add(place: CounterPlace, sums: CounterSums): void {
    const { name, width, bucket } = place
    for (let part = 0; ; part++) {
      try {
        // Sums must be bound as big integers: a plain number is bound as floating point.
        this.#add.run(name, width, bucket, part, BigInt(sums.count), sums.sum, sums.sumSq)
        break
      } catch (error) {
        if (!passed64Bits(error)) throw error
      }
    }
    this.#addKnown(place, sums, 1)
  }

  /**
   * Moves buckets narrower than `width` that begin before `before` into buckets of this width.
   *
   * @returns whether there may be more than the `limit` of each width that were moved
   */
  widen(name: number, width: number, before: number, limit: number): boolean {
    let more = false
    for (const narrower of WIDTHS) {
      if (narrower >= width) break
      const rows = this.#narrow.all(name, narrower, before, limit)
      for (const row of rows) {
        const bucket = Number(row["bucket"])
        const sums = sumsOf(row)
        this.#remove.run(name, narrower, bucket, Number(row["part"]))
        this.#addKnown({ name, width: narrower, bucket }, sums, -1)
        this.add({ name, width, bucket: bucket - (bucket % width) }, sums)
      }
      if (rows.length === limit) more = true
    }
    return more
  }

  /**
   * Removes buckets that begin before `before`.
   *
   * @returns whether there may be more than the `limit` of each width that were removed
   */
  removeBefore(name: number, before: number, limit: number): boolean {
    let more = false
    for (const width of WIDTHS) {
      const rows = this.#narrow.all(name, width, before, limit)
      for (const row of rows) {
        const bucket = Number(row["bucket"])
        this.#remove.run(name, width, bucket, Number(row["part"]))
        this.#addKnown({ name, width, bucket }, sumsOf(row), -1)
      }
      if (rows.length === limit) more = true
    }
    return more
  }

  /** Rows of some names as plain numbers. */
  *rows(names: Iterable<CounterName & { readonly id: number }>): Generator<CounterRow> {
    this.#noticeOthers()
    for (const { id, cohort, variant, series, metric } of names) {
      for (const { bucket, width, count, sum, sumSq } of this.#knownOf(id).values()) {
        if (count === 0 && sum === 0n && sumSq === 0n) continue
        const counted = { count, sum: Number(sum), sumSq: Number(sumSq) }
        yield { cohort, variant, series, metric, bucket, widthSeconds: width, ...counted }
      }
    }
  }

  /** The same, left in the table alone: for names that are seldom asked for. */
  *storedRows(names: Iterable<CounterName & { readonly id: number }>): Generator<CounterRow> {
    for (const { id, cohort, variant, series, metric } of names) {
      for (const row of this.#rowsOf.all(id)) {
        const { count, sum, sumSq } = sumsOf(row)
        const at = { bucket: Number(row["bucket"]), widthSeconds: Number(row["width"]) }
        yield { cohort, variant, series, metric, ...at, count, sum: Number(sum), sumSq: Number(sumSq) }
      }
    }
  }

  cells(): CounterCell[] {
    return this.#all.all().map((row) => ({
      ...counterNameOf(row),
      bucket: Number(row["bucket"]),
      widthSeconds: Number(row["width"]),
      ...sumsOf(row),
    }))
  }

  /** Lets go of what is in memory of names that aren't asked for any more, those of removed experiments for example. To be called now and then. */
  forgetUnasked(nowSeconds: number): void {
    if (nowSeconds - this.#unasked.since < UNASKED_SECONDS) return
    for (const name of this.#unasked.names) this.#known.delete(name)
    this.#unasked = { since: nowSeconds, names: new Set(this.#known.keys()) }
  }

  /** To be called when the table may hold something else than was added: after a reset, and after a transaction that was rolled back. */
  forget(): void {
    this.#known.clear()
  }

  /** Somebody else may have written to the file. */
  #noticeOthers(): void {
    const version = this.#dataVersion.get()?.["data_version"]
    if (version !== this.#knownVersion) this.forget()
    this.#knownVersion = version
  }

  #knownOf(name: number): Map<number, KnownBucket> {
    this.#unasked.names.delete(name)
    let known = this.#known.get(name)
    if (known === undefined) {
      known = new Map<number, KnownBucket>()
      this.#known.set(name, known)
      for (const row of this.#rowsOf.all(name)) {
        this.#addKnown({ name, width: Number(row["width"]), bucket: Number(row["bucket"]) }, sumsOf(row), 1)
      }
    }
    return known
  }

  #addKnown({ name, width, bucket }: CounterPlace, { count, sum, sumSq }: CounterSums, sign: 1 | -1): void {
    const known = this.#known.get(name)
    if (known === undefined) return
    const key = bucket * WIDTHS.length + WIDTHS.findIndex((candidate) => candidate === width)
    let entry = known.get(key)
    if (entry === undefined) {
      entry = { width, bucket, count: 0, sum: 0n, sumSq: 0n }
      known.set(key, entry)
    }
    entry.count += sign * count
    entry.sum += BigInt(sign) * sum
    entry.sumSq += BigInt(sign) * sumSq
    if (sign < 0 && entry.count === 0 && entry.sum === 0n && entry.sumSq === 0n) known.delete(key)
  }
}

function sumsOf(row: Record<string, unknown>): CounterSums {
  return { count: Number(row["count"]), sum: integer(row["sum"]), sumSq: integer(row["sum_sq"]) }
}

function integer(value: unknown): bigint {
  if (typeof value !== "bigint") throw new TypeError("[sqlite] a counter is not an integer")
  return value
}

function passed64Bits(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === CONSTRAINT_DATATYPE
}
