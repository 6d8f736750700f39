import type { DatabaseSync, StatementSync } from "node:sqlite"
import { type Credit, type CreditEntry, type CreditStep, creditStep, isDuplicate } from "../../domain/credits.ts"
import type { CountedReward } from "../../domain/reward-additions.ts"
import type { CreditKey } from "../../ports/counter-store.ts"

/** What a dead token's credit is still remembered for: clocks differ, and lines are folded a little after they were written. */
const REMEMBERED_MS = 24 * 3_600_000

/** What the rewards of each decision and metric add up to. */
export class CreditTable {
  readonly #get: StatementSync
  readonly #insert: StatementSync
  readonly #update: StatementSync
  readonly #purge: StatementSync

  constructor(database: DatabaseSync) {
    this.#get = database.prepare("SELECT entries FROM credits WHERE decision = ? AND metric = ?")
    this.#insert = database.prepare(
      "INSERT INTO credits (decision, metric, entries, expires) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    this.#update = database.prepare(
      "UPDATE credits SET entries = ?, expires = max(expires, ?) WHERE decision = ? AND metric = ?",
    )
    this.#purge = database.prepare(`
      DELETE FROM credits WHERE (decision, metric) IN (SELECT decision, metric FROM credits WHERE expires < ? LIMIT ?)`)
  }

  apply(event: CountedReward): CreditStep {
    const { decisionId, metric } = event
    const expires = Math.ceil((Date.parse(event.expiresAt) + REMEMBERED_MS) / 1000)
    // Most rewards are the first of their decision: one statement stores them, and tells those that aren't.
    const first = creditStep(undefined, event)
    if (this.#insert.run(decisionId, metric, textOf(first.credit), expires).changes !== 0) return first
    const known = this.#creditOf(event)
    const step = creditStep(known, event)
    if (!sameCredit(known, step.credit)) this.#update.run(textOf(step.credit), expires, decisionId, metric)
    return step
  }

  wouldDuplicate(key: CreditKey): boolean {
    return isDuplicate(this.#creditOf(key), key)
  }

  /** @returns how many credits went, at most `limit` */
  purge(beforeSeconds: number, limit: number): number {
    return Number(this.#purge.run(beforeSeconds, limit).changes)
  }

  #creditOf({ decisionId, metric }: { readonly decisionId: string; readonly metric: string }): Credit | undefined {
    const row = this.#get.get(decisionId, metric)
    if (row === undefined) return undefined
    const entries: [string, number, number | null][] = JSON.parse(String(row["entries"]))
    return entries.map(([eventId, at, value]) => ({ eventId, at, value }))
  }
}

function textOf(credit: Credit): string {
  return JSON.stringify(credit.map(toArray))
}

function toArray({ eventId, at, value }: CreditEntry): [string, number, number | null] {
  return [eventId, at, value]
}

/** Entries that a step leaves alone are the same objects. */
function sameCredit(known: Credit | undefined, next: Credit): boolean {
  return known !== undefined && known.length === next.length && known.every((entry, index) => entry === next[index])
}
