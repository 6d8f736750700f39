import type { Choice } from "../domain/choice.ts"
import { cohortOf, NANOS } from "../domain/counters.ts"
import { decide } from "../domain/decide.ts"
import { counterAdditions, type DecisionCount } from "../domain/decision-facts.ts"
import type { RewardEvent } from "../domain/events.ts"
import type { Experiment } from "../domain/experiment.ts"
import type { DecisionId } from "../domain/ids.ts"
import { boundOf } from "../domain/metric.ts"
import { firstLineage, type Lineage, nextLineage } from "../domain/series.ts"
import { type Snapshot, withPlan } from "../domain/snapshot.ts"
import type { StatisticsQuery, VariantStatistics } from "../domain/statistics.ts"
import { allocateFrom, planFrom, type SnapshotBase, statisticsQuery } from "./reallocate.ts"
import { SimulatedCounters } from "./simulated-counters.ts"
import { withVariants } from "./simulated-experiment.ts"
import type { Outcome } from "./simulated-world.ts"

/** What names the signing key in a gateway; nothing is signed here. */
const KEY_ID = "k1"

/**
 * One gateway in a simulated world, without its input and output: it decides, counts, learns and takes edits by the code that serves. One decision
 * is made each second, from epoch second 0. Decisions count at every refresh, rewards that have come when a batch begins.
 */
export class SimulatedGateway {
  /** Makes the ids of one run others than those of the next: ids decide who gets what. */
  readonly #salt: string
  readonly #counters: SimulatedCounters
  #experiment: Experiment
  #lineage: Lineage
  #revision = 1
  #snapshot: Snapshot
  #query: StatisticsQuery
  #statistics: readonly VariantStatistics[] = []
  /** Start of the batch, epoch seconds. */
  #start = 0
  /** Decisions of this snapshot that have not been counted, by variant. */
  #choices: (Choice | undefined)[] = []
  readonly #answered: number[]
  readonly #failed: number[]

  /** @param batch decisions from the beginning of a batch to the next */
  constructor(experiment: Experiment, batch: number, salt: string) {
    this.#experiment = experiment
    this.#salt = salt
    this.#counters = new SimulatedCounters(experiment, batch)
    this.#answered = experiment.variants.map(() => 0)
    this.#failed = experiment.variants.map(() => 0)
    this.#lineage = firstLineage(experiment)
    this.#query = this.#ask()
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

  /** Begins the batch with this decision: everything that has come is known. */
  beginBatch(decision: number): void {
    this.#counters.settle()
    this.#count()
    this.#counters.receive(this.#start)
    this.#start = decision
    this.#query = this.#ask()
    this.#allocate()
  }

  /** Allocates anew within a batch: the decisions so far are known, but not what they earned. */
  refresh(): void {
    this.#count()
    this.#allocate()
  }

  /** Serves these variants from a decision on, as an edit of the document would have it: a new revision, where they are others than before. */
  serveOnly(decision: number, present: readonly boolean[]): void {
    if (this.#experiment.variants.every(({ enabled }, index) => enabled === present[index])) return
    this.#counters.settle()
    this.#count()
    const next = withVariants(this.#experiment, present)
    this.#lineage = nextLineage({ experiment: this.#experiment, lineage: this.#lineage }, next, decision * 1000)
    this.#experiment = next
    this.#revision += 1
    this.#query = this.#ask()
    this.#statistics = this.#counters.statistics(this.#query)
    this.#snapshot = allocateFrom(this.#base(), this.#start, this.#statistics)
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
  record(decision: number, choice: Choice, outcome: Outcome): void {
    const { index } = choice
    this.#choices[index] = choice
    const counts = outcome.failed ? this.#failed : this.#answered
    counts[index] = (counts[index] as number) + 1
    if (outcome.reward > 0) {
      this.#counters.expect(this.#rewardEvent(decision, choice, outcome), decision + outcome.delay)
    }
  }

  #base(): SnapshotBase {
    return { experiment: this.#experiment, revision: this.#revision, lineage: this.#lineage, keyId: KEY_ID }
  }

  /** What the policy wants to know in this batch. */
  #ask(): StatisticsQuery {
    return statisticsQuery(this.#base(), this.#start * 1000)
  }

  #allocate(): void {
    this.#statistics = this.#counters.statistics(this.#query)
    const plan = planFrom(this.#experiment, this.#statistics)
    this.#snapshot = withPlan(this.#snapshot, { stateVersion: this.#start, plan })
  }

  /** Counts the decisions of this snapshot. */
  #count(): void {
    for (const [index, choice] of this.#choices.entries()) {
      if (choice === undefined) continue
      const [answered, failed] = [this.#answered[index] as number, this.#failed[index] as number]
      if (this.#learnsFailures()) this.#add(choice, true, { count: answered + failed, failed })
      else {
        this.#add(choice, true, { count: answered, failed: 0 })
        this.#add(choice, false, { count: failed, failed })
      }
      this.#answered[index] = 0
      this.#failed[index] = 0
    }
    this.#choices = []
  }

  #add(choice: Choice, learn: boolean, counted: DecisionCount): void {
    if (counted.count === 0) return
    const { variant, reason, propensity } = choice
    const cohort = cohortOf({ reason, learn })
    if (cohort === undefined) return
    const facts = {
      cohort,
      variant,
      series: this.#seriesOf(choice),
      propensityNanos: Math.round(propensity * NANOS),
      weighted: this.#experiment.stickiness === "request",
      // Only group rows are made from its variants.
      allocation: { experiment: this.#experiment.id, epoch: this.#lineage.epoch, variants: [] },
    }
    this.#counters.count(counterAdditions(facts, this.#start, counted))
  }

  #learnsFailures(): boolean {
    return this.#experiment.reward.failures === "count"
  }

  #seriesOf({ variant }: Choice): number {
    return this.#lineage.series[variant] ?? 1
  }

  #rewardEvent(decision: number, choice: Choice, { failed, reward, delay }: Outcome): RewardEvent {
    const { id, stickiness, reward: metric } = this.#experiment
    const decisionId = (this.#salt + decision) as DecisionId
    return {
      v: 1,
      type: "reward",
      eventId: `r-${decisionId}`,
      at: timeOf(decision + delay),
      experiment: id,
      revision: this.#revision,
      series: this.#seriesOf(choice),
      epoch: this.#lineage.epoch,
      decisionId,
      group: 0,
      variant: choice.variant,
      propensity: choice.propensity,
      decidedAt: timeOf(decision),
      stickiness,
      metric: metric.metric,
      value: reward,
      bound: boundOf(metric),
      aggregation: metric.aggregation,
      ...(metric.maturation === "expected" ? { delayWindowSeconds: metric.attributionWindowSeconds } : {}),
      learn: !failed || this.#learnsFailures(),
      holdout: false,
      expiresAt: timeOf(decision + 2 * metric.attributionWindowSeconds),
      status: delay > metric.attributionWindowSeconds ? "late" : "applied",
    }
  }
}

function timeOf(second: number): string {
  return new Date(second * 1000).toISOString()
}
