import { attributionWindowOf, ofVariant, type Scenario } from "./simulation-scenario.ts"

/** Uniform random numbers in [0, 1). */
export type Random = () => number

/** What became of one decision. */
export interface Outcome {
  /** Whether the chosen variant did not answer. */
  readonly failed: boolean
  /** 0 where no reward comes. */
  readonly reward: number
  /** Decisions until the reward comes. */
  readonly delay: number
}

/** Standard deviations of its logarithm at which a reward is cut. That takes less than a thousandth off the mean. */
const CUT = 5

/** The largest reward that a scenario's variants may earn. */
export function largestReward({ rewards, segments }: Scenario): number {
  const variants = segments[0]?.[1] ?? []
  const largest = Math.max(...variants.map((_, variant) => ofVariant(rewards?.value, variant, 1)))
  return largest * largestFactor(rewards?.spread ?? 0)
}

/** What a rewarded decision of a variant earns on average, if in time. */
export function expectedReward({ rewards, measured }: Scenario, variant: number): number {
  if (measured === undefined) return ofVariant(rewards?.value, variant, 1)
  const values = measured.values[variant] ?? []
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}

function largestFactor(spread: number): number {
  return Math.exp(CUT * spread - (spread * spread) / 2)
}

/** What nature does in one run: who comes back, which decisions earn what and when. Decisions are played in order. */
export class World {
  /** Expected reward in time of a decision, by the variant that is chosen for it; null for one that isn't there. */
  worth: readonly (number | null)[] = []
  /** The largest of them. */
  best = 0
  readonly #scenario: Scenario
  readonly #random: Random
  readonly #failures: readonly number[]
  /** The unit of every decision, and every unit's place among all in how much it earns, in [0, 1). */
  readonly #units: { readonly visits: Int32Array; readonly places: Float64Array; readonly spread: number } | undefined
  readonly #outcome = { failed: false, reward: 0, delay: 0 }
  #rates: readonly (number | null)[] = []
  #segment = -1
  #nextStart = 0

  constructor(scenario: Scenario, random: Random) {
    this.#scenario = scenario
    this.#random = random
    this.#failures = (scenario.segments[0]?.[1] ?? []).map((_, variant) => ofVariant(scenario.failures, variant, 0))
    this.#units = scenario.units === undefined ? undefined : comingBack(scenario.T, scenario.units, random)
  }

  /** Lets time pass up to a decision. @returns whether another segment has begun */
  advance(decision: number): boolean {
    if (decision < this.#nextStart) return false
    const { segments } = this.#scenario
    this.#segment += 1
    this.#rates = segments[this.#segment]?.[1] ?? []
    this.#nextStart = segments[this.#segment + 1]?.[0] ?? Number.POSITIVE_INFINITY
    this.worth = this.#rates.map((_, variant) => this.#worthOf(variant))
    this.best = Math.max(...this.worth.map((worth) => worth ?? 0))
    return true
  }

  /** Who makes a decision; undefined where every decision is a unit of its own. */
  unitOf(decision: number): number | undefined {
    return this.#units?.visits[decision]
  }

  /** What becomes of a decision. The answer is good until the next one. */
  answer(decision: number, chosen: number): Outcome {
    const outcome = this.#outcome
    outcome.failed = this.#fails(chosen)
    outcome.reward = 0
    if (outcome.failed && (chosen === 0 || this.#fails(0))) return outcome
    const answering = outcome.failed ? 0 : chosen
    if (this.#random() >= this.#rateAt(decision, answering)) return outcome
    outcome.reward = this.#value(answering)
    outcome.delay = this.#delay(answering)
    return outcome
  }

  #fails(variant: number): boolean {
    const share = this.#failures[variant] as number
    return share > 0 && this.#random() < share
  }

  /** The rate of a variant for whoever makes this decision. Two rewards of one unit are correlated as the scenario says, their mean is the rate. */
  #rateAt(decision: number, variant: number): number {
    const rate = this.#rates[variant] ?? 0
    if (this.#units === undefined) return rate
    const { visits, places, spread } = this.#units
    const place = places[visits[decision] as number] as number
    return place < rate ? rate + (1 - rate) * spread : rate - rate * spread
  }

  #value(variant: number): number {
    const { rewards, measured } = this.#scenario
    if (measured !== undefined) return this.#oneOf(measured.values[variant] ?? [])
    if (rewards === undefined) return 1
    const value = ofVariant(rewards.value, variant, 1)
    const { spread } = rewards
    if (spread === 0) return value
    return value * Math.min(largestFactor(spread), Math.exp(spread * this.#normal() - (spread * spread) / 2))
  }

  /** Box and Muller (1958). */
  #normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random())
  }

  #delay(variant: number): number {
    const { meanDelay, delay, measured } = this.#scenario
    if (measured !== undefined) return this.#oneOf(measured.delays[variant] ?? [])
    return meanDelay === undefined ? delay : -Math.log(1 - this.#random()) * ofVariant(meanDelay, variant, 0)
  }

  #oneOf(values: readonly number[]): number {
    return values[Math.floor(this.#random() * values.length)] ?? 0
  }

  #worthOf(chosen: number): number | null {
    const own = this.#answered(chosen)
    if (own === null) return null
    const fails = this.#failures[chosen] as number
    const byFallback = chosen === 0 ? 0 : (1 - (this.#failures[0] as number)) * (this.#answered(0) ?? 0)
    return (1 - fails) * own + fails * byFallback
  }

  /** Expected reward in time of a decision that this variant answers. */
  #answered(variant: number): number | null {
    const rate = this.#rates[variant] ?? null
    if (rate === null) return null
    const { meanDelay, delay, measured } = this.#scenario
    // Late rewards were left out when rates were measured.
    if (measured !== undefined) return rate * expectedReward(this.#scenario, variant)
    const window = attributionWindowOf(this.#scenario)
    const fixed = delay <= window ? 1 : 0
    const inTime = meanDelay === undefined ? fixed : 1 - Math.exp(-window / ofVariant(meanDelay, variant, 0))
    return rate * expectedReward(this.#scenario, variant) * inTime
  }
}

/** Units whose visits come in random order (Fisher and Yates). */
function comingBack(decisions: number, { visits, correlation }: NonNullable<Scenario["units"]>, random: Random) {
  const units = Math.ceil(decisions / visits)
  const order = Int32Array.from({ length: decisions }, (_, visit) => visit % units)
  for (let last = decisions - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const unit = order[last] as number
    order[last] = order[other] as number
    order[other] = unit
  }
  return { visits: order, places: Float64Array.from({ length: units }, random), spread: Math.sqrt(correlation) }
}
