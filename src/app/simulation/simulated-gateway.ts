import type { Allocated } from "#policies/allocate.ts"
import type { Choice } from "../../domain/choice.ts"
import { decide } from "../../domain/decide.ts"
import { type CounterAddition, counterAdditions, type DecisionCount } from "../../domain/decision-facts.ts"
import type { Experiment } from "../../domain/experiment.ts"
import { firstLineage, type Lineage, nextLineage } from "../../domain/series.ts"
import { type Snapshot, withPlan } from "../../domain/snapshot.ts"
import type { StatisticsQuery, VariantStatistics } from "../../domain/statistics.ts"
import { allocateFrom, changesWithTime, planFrom, type SnapshotBase, statisticsQuery } from "../reallocate.ts"
import { SimulatedCounters, withMore } from "./simulated-counters.ts"
import { withVariants } from "./simulated-experiment.ts"
import { rewardEvent } from "./simulated-reward.ts"
import type { Outcome } from "./simulated-world.ts"
import type { Scenario } from "./simulation-scenario.ts"

/** Of a variant that nothing has been counted of. */
const NOTHING: Omit<VariantStatistics, "variant"> = {
  n: 0,
  pending: 0,
  lifetime: 0,
  sum: 0,
  sumSq: 0,
  totals: { decisions: 0, rewards: 0, sum: 0, sumSq: 0 },
  excluded: 0,
}
/** What names the signing key in a gateway; nothing is signed here. */
const KEY_ID = "k1"

/**
 * One gateway in a simulated world, without its input and output: it decides, counts, learns and takes edits by the code that serves. Seconds
 * count from the epoch. Decisions count at every refresh, rewards that have come when a batch begins.
 */
export class SimulatedGateway {
  /** Makes the ids of one run others than those of the next: ids decide who gets what. */
  readonly #salt: string
  readonly #counters: SimulatedCounters
  #experiment: Experiment
  #lineage: Lineage
  #revision = 1
  #snapshot: Snapshot
  /** What the snapshot's plan was made from; undefined where that is not at hand. */
  #plan: Allocated | undefined
  #query: StatisticsQuery
  /** What the policy knew when the query was made, by variant. */
  #counted: readonly VariantStatistics[] = []
  /** What one more decision of each variant in this batch would add; found out when it is needed. */
  #one: readonly VariantStatistics[] | undefined
  #statistics: readonly VariantStatistics[] = []
  /** Start of the batch, epoch seconds. */
  #start = 0
  /** Decisions that have not been counted, by variant. */
  readonly #answered: number[]
  readonly #failed: number[]
  /** Whether there is any since the allocation was made. */
  #hasNews = false

  constructor(experiment: Experiment, scenario: Scenario, salt: string) {
    this.#experiment = experiment
    this.#salt = salt
    this.#counters = new SimulatedCounters(experiment, scenario)
    this.#answered = experiment.variants.map(() => 0)
    this.#failed = experiment.variants.map(() => 0)
    this.#lineage = firstLineage(experiment)
    this.#query = statisticsQuery(this.#base(), 0)
    this.#ask(this.#query)
    this.#snapshot = allocateFrom(this.#base(), 0, [])
  }

  get experiment(): Experiment {
    return this.#experiment
  }

  /** What the policy knows. */
  get statistics(): readonly VariantStatistics[] {
    return this.#statistics
  }

  /** Whether the next decision may end a variant's burn-in. */
  get isBurningIn(): boolean {
    const { plan, experiment } = this.#snapshot
    // Under `window` only a decision whose outcome is known counts.
    return experiment.reward.maturation !== "window" && plan.kind === "fixed" && plan.reasons.includes("burn_in")
  }

  /** Begins the batch of this second: everything that has come is known. */
  beginBatch(second: number): void {
    if (!this.#counters.isExpecting(this.#start) && !changesWithTime(this.#experiment)) {
      this.#start = second
      if (this.#hasNews) this.refresh()
      return
    }
    this.#count()
    this.#counters.receive(this.#start)
    this.#start = second
    this.#ask({ ...this.#query, now: second * 1000 })
    this.#allocate()
  }

  /** Allocates anew within a batch: the decisions so far are known, but not what they earned. */
  refresh(): void {
    const one = (this.#one ??= this.#experiment.variants.flatMap((_, index) =>
      this.#counters.statisticsOf(this.#additions(index, true, { count: 1, failed: 0 }), this.#query),
    ))
    this.#statistics = this.#counted.map((known, index) => {
      const count = (this.#answered[index] as number) + (this.#learnsFailures() ? (this.#failed[index] as number) : 0)
      return count === 0 ? known : withMore(known, one[index] as VariantStatistics, count)
    })
    this.#allocate()
  }

  /** Serves these variants from a second on, as an edit of the document would have it: a new revision, where they are others than before. */
  serveOnly(second: number, present: readonly boolean[]): void {
    if (this.#experiment.variants.every(({ enabled }, index) => enabled === present[index])) return
    this.#count()
    const next = withVariants(this.#experiment, present)
    this.#lineage = nextLineage({ experiment: this.#experiment, lineage: this.#lineage }, next, second * 1000)
    this.#experiment = next
    this.#revision += 1
    this.#ask(statisticsQuery(this.#base(), this.#start * 1000))
    this.#snapshot = allocateFrom(this.#base(), this.#start, this.#statistics)
    this.#plan = undefined
  }

  /** @param unit undefined where the decision is a unit of its own */
  decide(decision: number, unit: number | undefined): Choice {
    return decide(this.#snapshot, {
      decisionId: this.#salt + decision,
      unitId: unit === undefined ? undefined : `${this.#salt}u${unit}`,
      context: undefined,
      forcedIndex: undefined,
    })
  }

  /** Records what became of the decision just made. */
  record(decision: number, second: number, choice: Choice, outcome: Outcome): void {
    const { index } = choice
    const counts = outcome.failed ? this.#failed : this.#answered
    counts[index] = (counts[index] as number) + 1
    this.#hasNews = true
    if (outcome.reward !== 0) {
      const decided = { second, decisionId: this.#salt + decision, choice }
      this.#counters.expect(rewardEvent(this.#snapshot, decided, outcome), second + outcome.delay)
    }
  }

  #base(): SnapshotBase {
    return { experiment: this.#experiment, revision: this.#revision, lineage: this.#lineage, keyId: KEY_ID }
  }

  /** Finds out what the policy wants to know, from everything that has been counted. */
  #ask(query: StatisticsQuery): void {
    this.#query = query
    const known = this.#counters.statistics(query)
    this.#counted = this.#experiment.variants.map(({ id }) => {
      return known.find(({ variant }) => variant === id) ?? { ...NOTHING, variant: id }
    })
    this.#one = undefined
    this.#statistics = this.#counted
  }

  #allocate(): void {
    this.#hasNews = false
    const plan = planFrom(this.#experiment, this.#statistics)
    if (isSame(plan, this.#plan)) return
    this.#plan = plan
    this.#snapshot = withPlan(this.#snapshot, { stateVersion: this.#start, plan })
  }

  /** Counts the decisions that have been recorded. */
  #count(): void {
    const learnsFailures = this.#learnsFailures()
    for (const [index, answered] of this.#answered.entries()) {
      const failed = this.#failed[index] as number
      const learned = learnsFailures ? { count: answered + failed, failed } : { count: answered, failed: 0 }
      const excluded = learnsFailures ? 0 : failed
      if (learned.count > 0) this.#counters.count(this.#additions(index, true, learned))
      if (excluded > 0) this.#counters.count(this.#additions(index, false, { count: excluded, failed: excluded }))
      this.#answered[index] = 0
      this.#failed[index] = 0
    }
  }

  /** What drawn decisions of a variant in this batch add to the counters. */
  #additions(index: number, learn: boolean, counted: DecisionCount): readonly CounterAddition[] {
    const { id, variants, stickiness } = this.#experiment
    const variant = (variants[index] as Experiment["variants"][number]).id
    const facts = {
      cohort: learn ? ("learned" as const) : ("excluded" as const),
      variant,
      series: this.#seriesOf(variant),
      // Group rows alone are made from these.
      propensityNanos: 0,
      weighted: stickiness === "request",
      allocation: { experiment: id, epoch: this.#lineage.epoch, variants: [] },
    }
    return counterAdditions(facts, this.#start, counted)
  }

  #learnsFailures(): boolean {
    return this.#experiment.reward.failures === "count"
  }

  #seriesOf(variant: string): number {
    return this.#lineage.series[variant] ?? 1
  }
}

/** Index policies say the same again and again: then the snapshot stays. */
function isSame(plan: Allocated, last: Allocated | undefined): boolean {
  return (
    last !== undefined &&
    plan.allocation.every((probability, index) => probability === last.allocation[index]) &&
    plan.reasons.every((reason, index) => reason === last.reasons[index])
  )
}
