import { CounterTable, GroupTable } from "./counter-table.ts"
import { type Credit, creditStep, isDuplicate, type Postback } from "./credits.ts"
import type { CounterAddition, GroupAddition } from "./decision-facts.ts"
import type { RewardEvent } from "./events.ts"
import { delayAdditions, rewardAdditions } from "./reward-additions.ts"

/** The fold of outcomes into counters, in memory: what every store's counters must equal. */
export class CounterFold {
  readonly table: CounterTable
  readonly groups = new GroupTable()
  readonly #credits = new Map<string, Credit>()

  /** @param widthSeconds width of the counters' buckets: 1 to serve statistics, more to compare or to save memory */
  constructor(widthSeconds: number) {
    this.table = new CounterTable(widthSeconds)
  }

  addCounter({ key, delta }: CounterAddition): void {
    this.table.add(key, delta)
  }

  addGroup(addition: GroupAddition): void {
    this.groups.add(addition)
  }

  /** @returns its answer, and whether a counter changed */
  addReward(event: RewardEvent): { readonly answer: "applied" | "duplicate"; readonly changed: boolean } {
    const name = creditName(event)
    const step = creditStep(this.#credits.get(name), event)
    this.#credits.set(name, step.credit)
    const { counter, group } = rewardAdditions(event, step)
    if (counter !== undefined) this.addCounter(counter)
    if (group !== undefined) this.addGroup(group)
    const delays = delayAdditions(event, step)
    for (const addition of delays) this.addCounter(addition)
    return { answer: step.answer, changed: counter !== undefined || delays.length > 0 }
  }

  /** Adds a reward to its credit alone: the counters have it already. */
  remember(event: RewardEvent): void {
    const name = creditName(event)
    this.#credits.set(name, creditStep(this.#credits.get(name), event).credit)
  }

  wouldDuplicate(postback: Postback & { readonly decisionId: string; readonly metric: string }): boolean {
    return isDuplicate(this.#credits.get(creditName(postback)), postback)
  }
}

function creditName(postback: { readonly decisionId: string; readonly metric: string }): string {
  return `${postback.decisionId}\n${postback.metric}`
}
