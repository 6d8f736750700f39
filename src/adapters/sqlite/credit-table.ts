import type { DatabaseSync, StatementSync } from "node:sqlite"
import { type Credit, type CreditEntry, type CreditStep, creditStep, isDuplicate } from "../../domain/credits.ts"
import type { RewardEvent } from "../../domain/events.ts"
import type { CreditKey } from "../../ports/counter-store.ts"

/** What a dead token's credit is still remembered for: clocks differ, and lines are folded a little after they were written. */
const REMEMBERED_MS = 24 * 3_600_000

/** What the rewards of each decision and metric add up to. */
export class CreditTable {
  readonly #get: StatementSync
  readonly #put: StatementSync
  readonly #purge: StatementSync

  constructor(database: DatabaseSync) {
    this.#get = database.prepare("SELECT entries FROM credits WHERE decision = ? AND metric = ?")
    this.#put = database.prepare(`
      INSERT INTO credits (decision, metric, entries, expires) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET entries = excluded.entries, expires = max(expires, excluded.expires)`)
    this.#purge = database.prepare(`
      DELETE FROM credits WHERE (decision, metric) IN (SELECT decision, metric FROM credits WHERE expires < ? LIMIT ?)`)
  }

  apply(event: RewardEvent): CreditStep {
    const known = this.#creditOf(event)
    const step = creditStep(known, event)
    if (!sameCredit(known, step.credit)) {
      const expires = Math.ceil((Date.parse(event.expiresAt) + REMEMBERED_MS) / 1000)
      this.#put.run(event.decisionId, event.metric, JSON.stringify(step.credit.map(toArray)), expires)
    }
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

function toArray({ eventId, at, value }: CreditEntry): [string, number, number | null] {
  return [eventId, at, value]
}

/** Entries that a step leaves alone are the same objects. */
function sameCredit(known: Credit | undefined, next: Credit): boolean {
  return known !== undefined && known.length === next.length && known.every((entry, index) => entry === next[index])
}
