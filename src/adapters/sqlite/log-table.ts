import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite"
import { LAPSED_AFTER_MS, type LogId, type LogPosition } from "../../domain/log-position.ts"
import type { StoredPosition } from "../../ports/counter-archive.ts"
import type { RewardAnswer } from "../../ports/counter-store.ts"

/** How often a sign of life is written: far more often than it matters. */
const SEEN_EVERY_MS = 60_000

/** Where a log stands in one experiment, and what its last batch was answered. */
export interface Stand {
  readonly position: LogPosition
  readonly answers: readonly RewardAnswer[]
}

/** Logs that are folded here: when each was last heard of, and how far it is folded. */
export class LogTable {
  readonly #log: StatementSync
  readonly #put: StatementSync
  readonly #leastFolded: StatementSync
  readonly #stand: StatementSync
  readonly #putStand: StatementSync
  readonly #ofLog: StatementSync
  readonly #all: StatementSync

  constructor(database: DatabaseSync) {
    this.#log = database.prepare("SELECT seen, folded_to FROM logs WHERE log = ?")
    this.#put = database.prepare(
      "INSERT INTO logs (log, seen, folded_to) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seen = excluded.seen, folded_to = excluded.folded_to",
    )
    // A log that has never said how far it is folded counts as folded to nowhere.
    this.#leastFolded = database.prepare(
      "SELECT count(*) AS logs, min(coalesce(folded_to, 0)) AS folded_to FROM logs WHERE seen >= ?",
    )
    this.#stand = database.prepare("SELECT file, offset, hash, answers FROM positions WHERE experiment = ? AND log = ?")
    this.#putStand = database.prepare(`
      INSERT INTO positions (experiment, log, file, offset, hash, answers) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET file = excluded.file, offset = excluded.offset, hash = excluded.hash, answers = excluded.answers`)
    this.#ofLog = database.prepare("SELECT experiment, log, file, offset, hash FROM positions WHERE log = ?")
    this.#all = database.prepare("SELECT experiment, log, file, offset, hash FROM positions ORDER BY experiment, log")
  }

  /**
   * Notes that a log is alive, and registers it if it is new.
   *
   * @param trustedMs the store's trusted time
   * @param foldedTo epoch milliseconds up to which all of the log is folded; undefined: as it was said before
   * @returns whether the log has lapsed; then nothing is noted
   */
  alive(log: LogId, trustedMs: number, foldedTo: number | undefined): { readonly lapsed: boolean } {
    const known = this.#log.get(log)
    const seen = Number(known?.["seen"] ?? 0)
    if (known !== undefined && trustedMs - seen > LAPSED_AFTER_MS) return { lapsed: true }
    const before = known?.["folded_to"] ?? null
    if (foldedTo !== undefined || known === undefined || trustedMs - seen > SEEN_EVERY_MS) {
      this.#put.run(log, Math.max(Math.floor(trustedMs), seen), foldedTo === undefined ? before : Math.floor(foldedTo))
    }
    return { lapsed: false }
  }

  /** Up to when (epoch milliseconds) every log is folded that has not lapsed; infinite where there is none. */
  foldedTo(trustedMs: number): number {
    const row = this.#leastFolded.get(Math.ceil(trustedMs) - LAPSED_AFTER_MS)
    return Number(row?.["logs"] ?? 0) === 0 ? Number.POSITIVE_INFINITY : Number(row?.["folded_to"])
  }

  stand(experiment: string, log: LogId): Stand | undefined {
    const row = this.#stand.get(experiment, log)
    if (row === undefined) return undefined
    const answers = Array.from(String(row["answers"]), (letter) => (letter === "a" ? "applied" : "duplicate"))
    return { position: positionOf(row), answers }
  }

  moveTo(experiment: string, log: LogId, { position, answers }: Stand): void {
    const letters = answers.map((answer) => (answer === "applied" ? "a" : "d")).join("")
    this.#putStand.run(experiment, log, position.file, position.offset, position.hash, letters)
  }

  positions(log: LogId): Map<string, LogPosition> {
    return new Map(this.#ofLog.all(log).map((row) => [String(row["experiment"]), positionOf(row)]))
  }

  all(): StoredPosition[] {
    return this.#all.all().map((row) => ({
      experiment: String(row["experiment"]),
      log: String(row["log"]),
      position: positionOf(row),
    }))
  }
}

function positionOf(row: Record<string, SQLOutputValue>): LogPosition {
  return { file: Number(row["file"]), offset: Number(row["offset"]), hash: String(row["hash"]) }
}
