import { allocate } from "#policies/allocate.ts"
import type { Arm } from "#policies/policy.ts"
import type { PolicyChoice } from "#policies/policy-document.ts"
import { findPolicy } from "#policies/registry.ts"
import { type BatchOutcome, type PullMemory, type VisibleStatistics, visibleStatistics } from "./simulation-memory.ts"
import type { Scenario } from "./simulation-scenario.ts"

/** Uniform random numbers in [0, 1). */
export type Random = () => number

/** One policy in one scenario, played `replicates` times. */
export interface Simulation {
  readonly scenario: Scenario
  readonly policy: PolicyChoice
  readonly memory: PullMemory
  readonly replicates: number
  /** An independent stream for every replicate, counted from 0. */
  randomOf(replicate: number): Random
}

export interface Estimate {
  readonly mean: number
  /** Standard deviation over the square root of the replicates; 0 for a single one. */
  readonly standardError: number
}

export interface SimulationResult {
  /** Cumulative pseudo-regret at the horizon: the sum over pulls of the best arm's rate minus the chosen one's. */
  readonly regret: Estimate
  readonly curve: readonly ({ readonly t: number } & Estimate)[]
  /** Share of all pulls, by arm. */
  readonly shareByVariant: readonly number[]
}

/** Points of the curve besides the scenario's checkpoints. */
const EVEN_POINTS = 50

/**
 * Plays every replicate and yields the number finished after each; returns the result.
 *
 * @throws PolicyError as `allocate` does
 */
export function* simulate(simulation: Simulation): Generator<number, SimulationResult> {
  const { scenario, replicates } = simulation
  const times = curveTimes(scenario)
  const curves: Float64Array[] = []
  const pulls = new Float64Array(armsOf(scenario))
  for (let replicate = 0; replicate < replicates; replicate++) {
    curves.push(playOnce(simulation, simulation.randomOf(replicate), times, pulls))
    yield replicate + 1
  }
  const curve = times.map((t, point) => ({ t, ...estimate(curves.map((regret) => regret[point] ?? 0)) }))
  const { mean, standardError } = curve.at(-1) ?? { mean: 0, standardError: 0 }
  const total = replicates * scenario.T
  return { regret: { mean, standardError }, curve, shareByVariant: Array.from(pulls, (count) => count / total) }
}

function armsOf({ segments }: Scenario): number {
  return segments[0]?.[1].length ?? 0
}

function curveTimes({ T, checkpoints }: Scenario): number[] {
  const even = Array.from({ length: EVEN_POINTS }, (_, i) => Math.ceil(((i + 1) * T) / EVEN_POINTS))
  return [...new Set([...even, ...checkpoints])].sort((a, b) => a - b)
}

/** Whether a policy's allocation moves with every decision, so that a batch of them doesn't share one. */
export function allocatesEveryPull(policy: PolicyChoice): boolean {
  return findPolicy(policy.kind).countsPending?.(policy.params) === true || policy.burnInDecisions > 0
}

/** One replicate: the cumulative regret at `times`. Adds every pull to `pulls`. */
function playOnce(simulation: Simulation, random: Random, times: readonly number[], pulls: Float64Array): Float64Array {
  const { scenario, policy, memory } = simulation
  const { T, batch, delay } = scenario
  const visible = visibleStatistics(pulls.length, memory, batch)
  const arms = Array.from(
    pulls,
    (_, arm): Seen => ({ id: String(arm), n: 0, pending: 0, sum: 0, sumSq: 0, weight: 1, lifetime: 0 }),
  )
  const open: BatchOutcome[] = []
  const regretAt = new Float64Array(times.length)
  const everyPull = allocatesEveryPull(policy)
  const world = new World(scenario)
  let regret = 0
  let point = 0

  for (let start = 0; start < T; start += batch) {
    // The oldest open batch ended at pull `start` - (open - 1) B - 1: it shows once that lies more than `delay` back.
    while (open.length > 0 && (open.length - 1) * batch >= delay) show(open, visible, arms)
    const outcome = { pulls: arms.map(zero), successes: arms.map(zero) }
    let cumulative = cumulate(allocate(policy, arms).allocation)
    const end = Math.min(T, start + batch)
    for (let pull = start; pull < end; pull++) {
      if (everyPull && pull > start) cumulative = cumulate(allocate(policy, arms).allocation)
      world.advance(pull)
      const arm = draw(cumulative, random())
      const rate = world.rates[arm] ?? 0
      outcome.pulls[arm] = (outcome.pulls[arm] ?? 0) + 1
      if (random() < rate) outcome.successes[arm] = (outcome.successes[arm] ?? 0) + 1
      const seen = arms[arm]
      if (seen !== undefined) {
        seen.pending += 1
        seen.lifetime += 1
      }
      pulls[arm] = (pulls[arm] ?? 0) + 1
      regret += world.best - rate
      if (pull + 1 === times[point]) regretAt[point++] = regret
    }
    open.push(outcome)
  }
  return regretAt
}

const zero = (): number => 0

/** The rates at the current pull. */
class World {
  rates: readonly number[] = []
  best = 0
  private readonly segments: Scenario["segments"]
  private next = 0

  constructor(scenario: Scenario) {
    this.segments = scenario.segments
  }

  advance(pull: number): void {
    const segment = this.segments[this.next]
    if (segment === undefined || segment[0] > pull) return
    this.rates = segment[1]
    this.best = Math.max(...segment[1])
    this.next += 1
  }
}

/** The statistics of an arm as its policy sees them. Changed in place: a policy keeps nothing of what it is given. */
type Seen = { -readonly [Key in keyof Arm]: Arm[Key] }

/** Makes the oldest open batch visible. */
function show(open: BatchOutcome[], visible: VisibleStatistics, arms: readonly Seen[]): void {
  const batch = open.shift()
  if (batch === undefined) return
  visible.add(batch)
  arms.forEach((seen, arm) => {
    seen.pending -= batch.pulls[arm] ?? 0
    seen.n = visible.n[arm] ?? 0
    seen.sum = visible.sum[arm] ?? 0
    seen.sumSq = seen.sum
  })
}

function cumulate(allocation: readonly number[]): number[] {
  let sum = 0
  return allocation.map((probability) => (sum += probability))
}

/** The arm whose stretch of [0, 1) holds `u`; rounding at the top goes to the last arm that has any. */
function draw(cumulative: readonly number[], u: number): number {
  const last = cumulative.length - 1
  const scaled = u * (cumulative[last] ?? 1)
  for (let arm = 0; arm < last; arm++) if (scaled < (cumulative[arm] ?? 1)) return arm
  return last
}

function estimate(values: readonly number[]): Estimate {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const standardError = values.length > 1 ? Math.sqrt(squares / (values.length - 1) / values.length) : 0
  return { mean, standardError }
}
