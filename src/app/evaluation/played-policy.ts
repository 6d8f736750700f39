import { policyChoice } from "#policies/policy-document.ts"
import { findPolicy } from "#policies/registry.ts"
import { exactAllocation } from "../../domain/allocation.ts"
import type { Experiment } from "../../domain/experiment.ts"
import { firstLineage, type Lineage } from "../../domain/series.ts"
import { changesWithTime, planFrom, statisticsQuery } from "../reallocate.ts"
import { SimulatedCounters } from "../simulation/simulated-counters.ts"
import { withVariants } from "../simulation/simulated-experiment.ts"
import { loggedDecision, loggedReward } from "./logged-outcome.ts"
import type { EvaluatedDecision, Learning, Target } from "./target.ts"

/** Later than any second of a log: one bucket for everything where all decisions count alike. */
const END_OF_TIME = 1e11

/**
 * One of the gateway's policies, played forward through a log. It knows what it would have known: decisions that it learned from so far, and of
 * their rewards those that had come, counted and matured by the gateway's own code, with a new allocation every `refreshSeconds` (whole seconds).
 */
export class PlayedPolicy implements Target {
  readonly name: string
  readonly largest?: readonly number[]
  readonly #counters: SimulatedCounters
  readonly #refreshSeconds: number
  readonly #learns: boolean
  readonly #scale: number | undefined
  #experiment: Experiment
  #lineage: Lineage
  #enabled: readonly boolean[] | undefined
  #allocation: readonly number[] = []
  /** Start of the refresh that is in force, epoch seconds; below 0 before the first row. */
  #start = -1
  /** Whether anything was counted since the last allocation. */
  #hasNews = false
  #rows = 0
  #learned = 0

  /** @param scale the lowest logged probability, to learn from accepted rows only; undefined: from all that was logged */
  constructor(name: string, experiment: Experiment, scale: number | undefined) {
    this.name = name
    this.#experiment = experiment
    this.#lineage = firstLineage(experiment)
    this.#scale = scale
    this.#learns = findPolicy(policyChoice(experiment.policy).kind).learns !== false
    if (!this.#learns) this.largest = experiment.variants.map(() => 1)
    this.#refreshSeconds = Math.max(1, Math.ceil(experiment.refreshSeconds))
    this.#counters = new SimulatedCounters(experiment, {
      id: name,
      T: END_OF_TIME,
      batch: this.#refreshSeconds,
      delay: 0,
      decisionsPerSecond: 1,
      segments: [[0, experiment.variants.map(() => 0)]],
      checkpoints: [],
    })
  }

  probabilities({ at, enabled }: EvaluatedDecision): readonly number[] {
    const second = Math.floor(at / 1000)
    const start = second - (second % this.#refreshSeconds)
    const moved = enabled !== this.#enabled
    if (moved) {
      this.#enabled = enabled
      this.#experiment = withVariants(this.#experiment, enabled)
    }
    if (start > this.#start) this.#refresh(start)
    else if (moved) this.#allocate()
    return this.#allocation
  }

  learn(decision: EvaluatedDecision): void {
    this.#rows += 1
    if (!this.#learns || decision.coin >= this.#acceptance(decision)) return
    this.#learned += 1
    this.#hasNews = true
    const variant = this.#experiment.variants[decision.variant]?.id
    if (variant === undefined) throw new Error("a row's variant is one of the experiment's")
    this.#follow(variant, decision.series)
    this.#counters.count(loggedDecision(this.#experiment, variant, decision))
    for (const [index, arrival] of decision.arrivals.entries()) {
      const event = loggedReward(this.#experiment, variant, decision, { ...arrival, name: `${this.#rows}-${index}` })
      this.#counters.expect(event, Math.max(this.#start, Math.floor(arrival.at / 1000)))
    }
  }

  readonly learning = (): Learning => ({
    from: this.#scale === undefined ? "logged" : "accepted",
    scale: this.#scale,
    share: this.#rows === 0 ? 0 : this.#learned / this.#rows,
  })

  /** The probability with which a row is learned from: so that rows learned from are as if the policy had drawn them. */
  #acceptance({ variant, propensity }: EvaluatedDecision): number {
    if (this.#scale === undefined) return 1
    return (this.#scale * (this.#allocation[variant] as number)) / propensity
  }

  /** A variant whose series rises begins anew. */
  #follow(variant: string, series: number): void {
    if (series <= (this.#lineage.series[variant] ?? 1)) return
    this.#lineage = { ...this.#lineage, series: { ...this.#lineage.series, [variant]: series } }
  }

  #refresh(start: number): void {
    const first = this.#start < 0
    // Before the first row nothing can have come.
    for (let batch = first ? start : this.#start; batch < start; batch += this.#refreshSeconds) {
      this.#hasNews ||= this.#counters.isExpecting(batch)
      this.#counters.receive(batch)
    }
    this.#start = start
    if (first || this.#hasNews || changesWithTime(this.#experiment)) this.#allocate()
    this.#hasNews = false
  }

  #allocate(): void {
    const query = statisticsQuery({ experiment: this.#experiment, lineage: this.#lineage }, this.#start * 1000)
    const { allocation } = planFrom(this.#experiment, this.#counters.statistics(query))
    this.#allocation = exactAllocation(allocation)
  }
}
