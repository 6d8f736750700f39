import type { DatabaseSync, StatementSync } from "node:sqlite"
import { counts } from "../../domain/counter-fold.ts"
import {
  bucketOf,
  type CounterDelta,
  type CounterKey,
  type Credit,
  creditStep,
  isDuplicate,
  rewardKey,
} from "../../domain/counters.ts"
import type { RewardEvent } from "../../domain/events.ts"
import { isAfter, type LogPosition } from "../../domain/log-position.ts"
import { type CounterRow, summarise } from "../../domain/statistics.ts"
import type { RewardAnswer } from "../../ports/counter-store.ts"
import type { FoldBatch } from "../../ports/outcome-log.ts"
import { bucketAt } from "./bucket-widths.ts"
import type { Operations } from "./protocol.ts"
import { ADD_TO_COUNTER, SELECT_CELLS, SELECT_ROWS, toCell, toCounterRow } from "./rows.ts"
import { inTransaction } from "./schema.ts"

/** Counters, credits and position in SQLite. Synchronous: lives in the worker. */
export class Counters {
  readonly #database: DatabaseSync
  readonly #creditSeconds: number
  readonly #add: StatementSync
  readonly #credit: StatementSync
  readonly #putCredit: StatementSync
  readonly #putPosition: StatementSync
  readonly #position: StatementSync
  readonly #rise: StatementSync
  readonly #version: StatementSync
  readonly #freshRows: StatementSync
  readonly #wideRows: StatementSync
  /** Wide rows by experiment and metric: many after months, and seldom changed. */
  readonly #wideRowsRead = new Map<string, CounterRow[]>()

  constructor(database: DatabaseSync, creditSeconds: number) {
    this.#database = database
    this.#creditSeconds = creditSeconds
    this.#add = database.prepare(ADD_TO_COUNTER)
    this.#credit = database.prepare("SELECT value, counted, event_ids FROM credits WHERE decision = ? AND metric = ?")
    this.#putCredit = database.prepare(
      `INSERT INTO credits (decision, metric, value, counted, event_ids, expires) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET value = excluded.value, counted = excluded.counted, event_ids = excluded.event_ids`,
    )
    this.#position = database.prepare("SELECT file, offset FROM position")
    this.#putPosition = database.prepare(
      "INSERT INTO position (only, file, offset) VALUES (1, ?, ?) ON CONFLICT DO UPDATE SET file = excluded.file, offset = excluded.offset",
    )
    this.#rise = database.prepare(
      "INSERT INTO versions (experiment, version) VALUES (?, 1) ON CONFLICT DO UPDATE SET version = version + 1",
    )
    this.#version = database.prepare("SELECT version FROM versions WHERE experiment = ?")
    this.#freshRows = database.prepare(`${SELECT_ROWS} AND width = 1`)
    this.#wideRows = database.prepare(`${SELECT_ROWS} AND width > 1`)
  }

  /** @param nowSeconds epoch seconds: decisions of long ago, folded by a rebuild, go where they would have been rolled up to */
  fold(batch: FoldBatch, nowSeconds: number): RewardAnswer[] {
    return inTransaction(this.#database, () => {
      if (!isAfter(batch.end, this.position())) return batch.rewards.map(() => "duplicate")
      const changed = new Set<string>()
      for (const { key, delta } of batch.decisions) {
        const { bucket, width } = bucketAt(key.bucket, nowSeconds)
        this.#addTo({ ...key, bucket }, width, delta)
        if (width > 1) this.#wideRowsRead.delete(`${key.experiment}\n${key.metric}`)
        changed.add(key.experiment)
      }
      const answers = batch.rewards.map((event) => {
        const answer = this.#applyReward(event)
        if (answer === "applied" && counts(event)) changed.add(event.experiment)
        return answer
      })
      for (const experiment of changed) this.#rise.run(experiment)
      this.#putPosition.run(batch.end.file, batch.end.offset)
      return answers
    })
  }

  seen(keys: Operations["seen"]["argument"]): boolean[] {
    return keys.map((key) => isDuplicate(this.#creditOf(key), key))
  }

  statistics({ experiment, query }: Operations["statistics"]["argument"]): Operations["statistics"]["result"] {
    return {
      stateVersion: Number(this.#version.get(experiment)?.["version"] ?? 0),
      variants: summarise(this.#rows(experiment, query.metric), query),
    }
  }

  /** To be called when something else than a fold has changed the table. */
  tableChanged(): void {
    this.#wideRowsRead.clear()
  }

  position(): LogPosition | undefined {
    const row = this.#position.get()
    return row === undefined ? undefined : { file: Number(row["file"]), offset: Number(row["offset"]) }
  }

  contents(): Operations["contents"]["result"] {
    const all = this.#database.prepare(SELECT_CELLS)
    all.setReadBigInts(true)
    // One read transaction, so that position and counters belong together while a gateway writes.
    this.#database.exec("BEGIN")
    try {
      return { position: this.position(), cells: all.all().map(toCell) }
    } finally {
      this.#database.exec("COMMIT")
    }
  }

  reset(): void {
    inTransaction(this.#database, () => {
      for (const row of this.#database.prepare("SELECT DISTINCT experiment FROM counters").all()) {
        this.#rise.run(String(row["experiment"]))
      }
      this.#database.exec("DELETE FROM counters; DELETE FROM credits; DELETE FROM position")
      this.tableChanged()
    })
  }

  *#rows(experiment: string, metric: string): Generator<CounterRow> {
    const series = `${experiment}\n${metric}`
    let wide = this.#wideRowsRead.get(series)
    if (wide === undefined) {
      wide = this.#wideRows.all(experiment, metric).map(toCounterRow)
      this.#wideRowsRead.set(series, wide)
    }
    yield* wide
    for (const row of this.#freshRows.iterate(experiment, metric)) yield toCounterRow(row)
  }

  #applyReward(event: RewardEvent): RewardAnswer {
    const step = creditStep(this.#creditOf(event), event)
    if (step.answer === "duplicate") return "duplicate"
    this.#putCredit.run(
      event.decisionId,
      event.metric,
      step.credit.valueMicro,
      step.credit.counted ? 1 : 0,
      JSON.stringify(step.credit.eventIds),
      bucketOf(event.decidedAt) + this.#creditSeconds,
    )
    // A fresh row whatever its age: whether sums fit into a wider one is for the roll-up to see.
    if (counts(event)) this.#addTo(rewardKey(event), 1, step.delta)
    return "applied"
  }

  #creditOf(postback: { readonly decisionId: string; readonly metric: string }): Credit | undefined {
    const row = this.#credit.get(postback.decisionId, postback.metric)
    if (row === undefined) return undefined
    const eventIds: readonly string[] = JSON.parse(String(row["event_ids"]))
    return { eventIds, valueMicro: Number(row["value"]), counted: row["counted"] === 1 }
  }

  #addTo(key: CounterKey, widthSeconds: number, delta: CounterDelta): void {
    this.#add.run(
      key.experiment,
      key.metric,
      key.variant,
      key.bucket,
      widthSeconds,
      delta.decisions,
      delta.rewards,
      BigInt(delta.sum),
      BigInt(delta.sumSq),
    )
  }
}
