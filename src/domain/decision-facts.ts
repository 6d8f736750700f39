import { callKindOf, callMetric } from "./call-counters.ts"
import {
  type Cohort,
  type CounterDelta,
  type CounterKey,
  cohortOf,
  DECISIONS,
  NANOS,
  SQUARE_UNITS,
  SUM_UNITS,
  secondOf,
} from "./counters.ts"
import type { DecisionEvent } from "./events.ts"
import type { GroupDelta, GroupKey } from "./group-rows.ts"
import { ERROR_METRIC } from "./metric.ts"

/** The allocation that decisions were drawn from, shared by all its choices. */
export interface AllocationFacts {
  readonly experiment: string
  readonly epoch: number
  /** Every variant's probability, in billionths. */
  readonly variants: readonly { readonly variant: string; readonly series: number; readonly nanos: number }[]
}

/** What all decisions made by one choice tell the counters: prepared once per snapshot and variant, and compared by identity. */
export interface ChoiceFacts {
  readonly cohort: Cohort
  readonly variant: string
  readonly series: number
  /** Probability that the variant was chosen with, in billionths. */
  readonly propensityNanos: number
  /** Whether rows may be weighted by 1 / propensity: under `stickiness: request` only. */
  readonly weighted: boolean
  readonly allocation: AllocationFacts
}

/** What one decision tells the counters. */
export interface DecisionFacts {
  readonly experiment: string
  /** Undefined for a decision that leaves nothing in the counters. */
  readonly choice: ChoiceFacts | undefined
  /** Epoch seconds of the decision. */
  readonly second: number
  /** Unit group, 0 to 63. */
  readonly group: number
  /** Pseudonym of the unit. */
  readonly unit: string
  /** Whether its variant did not answer. */
  readonly failed: boolean
  /** What became of asking its variant, and how long it took: `callKindOf`. Undefined where that was not logged. */
  readonly call: number | undefined
}

/** Decisions that were counted together. */
export interface DecisionCount {
  readonly count: number
  readonly failed: number
}

export interface CounterAddition {
  readonly key: CounterKey
  readonly delta: CounterDelta
}

export interface GroupAddition {
  readonly key: GroupKey
  readonly delta: GroupDelta
}

/** What decisions of one choice and second add to the counters. */
export function counterAdditions(choice: ChoiceFacts, second: number, counted: DecisionCount): CounterAddition[] {
  const { cohort, variant, series, allocation } = choice
  const key = { experiment: allocation.experiment, cohort, variant, series, bucket: second }
  const decisions = { key: { ...key, metric: DECISIONS }, delta: { count: counted.count, sum: 0, sumSq: 0 } }
  if (counted.failed === 0) return [decisions]
  return [decisions, { key: { ...key, metric: ERROR_METRIC }, delta: errors(counted.failed) }]
}

/** What calls of one choice, minute and kind (`callKindOf`) add to the counters. */
export function callAddition(choice: ChoiceFacts, minute: number, kind: number, count: number): CounterAddition {
  const { cohort, variant, series, allocation } = choice
  const key = { experiment: allocation.experiment, cohort, variant, series, metric: callMetric(kind), bucket: minute }
  return { key, delta: { count, sum: 0, sumSq: 0 } }
}

/** What decisions of one choice, hour and unit group add to the chosen variant's group rows. */
export function groupAdditions(
  choice: ChoiceFacts,
  hour: number,
  group: number,
  counted: DecisionCount,
): GroupAddition[] {
  const { variant, series, allocation } = choice
  const key = { experiment: allocation.experiment, variant, series, epoch: allocation.epoch, hour, group }
  const weight = choice.weighted ? Math.round((SUM_UNITS * NANOS) / choice.propensityNanos) : 0
  const decisions = { ...NOTHING, count: counted.count, weighted: counted.count * weight }
  if (counted.failed === 0) return [{ key: { ...key, metric: DECISIONS }, delta: decisions }]
  const failures = { ...NOTHING, ...errors(counted.failed), weighted: counted.failed * weight }
  return [
    { key: { ...key, metric: DECISIONS }, delta: decisions },
    { key: { ...key, metric: ERROR_METRIC }, delta: failures },
  ]
}

/** What `count` decisions drawn from one allocation, in one hour and unit group, add to every variant's sum of allocated probability. */
export function allocatedAdditions(
  { experiment, epoch, variants }: AllocationFacts,
  hour: number,
  group: number,
  count: number,
): GroupAddition[] {
  return variants
    .filter(({ nanos }) => nanos > 0)
    .map(({ variant, series, nanos }) => ({
      key: { experiment, variant, series, metric: DECISIONS, epoch, hour, group },
      delta: { ...NOTHING, allocated: count * nanos },
    }))
}

const NOTHING: GroupDelta = { count: 0, sum: 0, sumSq: 0, weighted: 0, allocated: 0 }

function errors(failed: number): CounterDelta {
  return { count: failed, sum: failed * SUM_UNITS, sumSq: failed * SQUARE_UNITS }
}

/** Facts of logged decisions. Choices that were made alike come out as the same object, as they do where they are made. */
export class DecisionReader {
  readonly #choices = new Map<string, ChoiceFacts>()
  readonly #allocations = new Map<string, AllocationFacts>()

  facts(event: DecisionEvent): DecisionFacts {
    const cohort = cohortOf(event)
    return {
      experiment: event.experiment,
      choice: cohort === undefined ? undefined : this.#choice(event, cohort),
      second: secondOf(event.at),
      group: event.group,
      unit: event.unit,
      failed: event.error !== null,
      call: event.asked?.[0] === undefined ? undefined : callKindOf(event.asked[0]),
    }
  }

  #choice(event: DecisionEvent, cohort: Cohort): ChoiceFacts {
    const { variant, series, propensity, stickiness } = event
    const allocation = this.#allocation(event)
    const name = `${cohort}\n${variant}\n${series}\n${propensity}\n${stickiness}\n${allocationName(event)}`
    let choice = this.#choices.get(name)
    if (choice === undefined) {
      const propensityNanos = Math.round(propensity * NANOS)
      choice = { cohort, variant, series, propensityNanos, weighted: stickiness === "request", allocation }
      if (this.#choices.size >= MAX_REMEMBERED) this.#choices.clear()
      this.#choices.set(name, choice)
    }
    return choice
  }

  #allocation(event: DecisionEvent): AllocationFacts {
    const name = allocationName(event)
    let allocation = this.#allocations.get(name)
    if (allocation === undefined) {
      const { experiment, epoch, series, seriesByVariant } = event
      const variants = Object.entries(event.allocation).map(([variant, probability]) => ({
        variant,
        series: seriesByVariant?.[variant] ?? series,
        nanos: Math.round(probability * NANOS),
      }))
      allocation = { experiment, epoch, variants }
      if (this.#allocations.size >= MAX_REMEMBERED) this.#allocations.clear()
      this.#allocations.set(name, allocation)
    }
    return allocation
  }
}

/** A long log has as many allocations as it has refreshes; older ones don't come back. */
const MAX_REMEMBERED = 1_000

function allocationName({ experiment, epoch, series, seriesByVariant, allocation }: DecisionEvent): string {
  return `${experiment}\n${epoch}\n${series}\n${JSON.stringify(seriesByVariant)}\n${JSON.stringify(allocation)}`
}
