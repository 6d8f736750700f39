import { CounterTable } from "./counter-table.ts"
import { type CounterKey, type Credit, creditStep, isDuplicate, rewardKey } from "./counters.ts"
import type { Aggregation, RewardEvent } from "./events.ts"

/** The fold of outcomes into counters, in memory: what every store's counters must equal. */
export class CounterFold {
  readonly table: CounterTable
  readonly #credits = new Map<string, Credit>()

  /** @param widthSeconds width of the counters' buckets: 1 to serve statistics, more to compare or to save memory */
  constructor(widthSeconds: number) {
    this.table = new CounterTable(widthSeconds)
  }

  /** Adds one decision that is learned from. */
  addDecision(key: CounterKey): void {
    this.table.add(key, { decisions: 1, rewards: 0, sum: 0, sumSq: 0 })
  }

  /** @returns what the reward did: `applied` also for one that is only remembered (late, or not learned from) */
  addReward(event: RewardEvent): "applied" | "duplicate" {
    const credit = creditOf(event)
    const step = creditStep(this.#credits.get(credit), event)
    if (step.answer === "duplicate") return "duplicate"
    this.#credits.set(credit, step.credit)
    if (counts(event)) this.table.add(rewardKey(event), step.delta)
    return "applied"
  }

  wouldDuplicate(postback: {
    readonly decisionId: string
    readonly metric: string
    readonly eventId: string
    readonly aggregation: Aggregation
  }): boolean {
    return isDuplicate(this.#credits.get(creditOf(postback)), postback)
  }
}

/** Whether a reward reaches the counters at all. */
export function counts(event: Pick<RewardEvent, "status" | "learn">): boolean {
  return event.status === "applied" && event.learn
}

function creditOf(postback: { readonly decisionId: string; readonly metric: string }): string {
  return `${postback.decisionId}\n${postback.metric}`
}
