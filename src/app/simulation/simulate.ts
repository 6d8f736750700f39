import { policyChoice } from "#policies/policy-document.ts"
import { findPolicy } from "#policies/registry.ts"
import type { Experiment } from "../../domain/experiment.ts"
import { probabilitiesBest } from "../read-experiment.ts"
import { SimulatedGateway } from "./simulated-gateway.ts"
import { type Random, World } from "./simulated-world.ts"
import { type Scenario, secondOf } from "./simulation-scenario.ts"

/** One experiment in one scenario, played `replicates` times. */
export interface Simulation {
  readonly scenario: Scenario
  /** As `simulatedExperiment` makes it for this scenario. */
  readonly experiment: Experiment
  readonly replicates: number
  /** Whether to look for false winners: in a scenario whose variants are `alike`. */
  readonly aa?: boolean
  /** An independent stream for every replicate, counted from 0. */
  randomOf(replicate: number): Random
}

export interface Estimate {
  readonly mean: number
  /** Standard deviation over the square root of the replicates; 0 for a single one. */
  readonly standardError: number
}

export interface SimulationResult {
  /** Cumulative pseudo-regret at the horizon: the sum over decisions of the best variant's expected reward minus the chosen one's. */
  readonly regret: Estimate
  readonly curve: readonly ({ readonly t: number } & Estimate)[]
  /** Share of all decisions, by variant. */
  readonly shareByVariant: readonly number[]
  /** Standard deviation of that share over the replicates. */
  readonly shareSpread: readonly number[]
  /** The same shares of the decisions since the point before, by points of the curve. */
  readonly shareCurve: readonly { readonly t: number; readonly shareByVariant: readonly number[] }[]
  /** Share of replicates in which some variant's probability of being best passed 0.95 at the beginning of a batch. */
  readonly falseWinners?: Estimate
}

/** Points of the curve besides the scenario's checkpoints. */
const EVEN_POINTS = 50
/** A probability of being best beyond which many would call a winner. */
const WINS = 0.95

/**
 * Plays every replicate and yields the number finished after each; returns the result.
 *
 * @throws PolicyError as `allocate` does
 */
export function* simulate(simulation: Simulation): Generator<number, SimulationResult> {
  const { scenario, replicates, aa = false } = simulation
  const times = curveTimes(scenario)
  const runs: Run[] = []
  for (let replicate = 0; replicate < replicates; replicate++) {
    runs.push(playOnce(simulation, simulation.randomOf(replicate), times))
    yield replicate + 1
  }
  const curve = times.map((t, point) => ({ t, ...estimate(runs.map((run) => run.regret[point] ?? 0)) }))
  const { mean, standardError } = curve.at(-1) ?? { mean: 0, standardError: 0 }
  const decisionsAt = (run: Run, point: number, variant: number): number => run.decisions[point]?.[variant] ?? 0
  const variants = scenario.segments[0]?.[1] ?? []
  const shares = variants.map((_, variant) =>
    estimate(runs.map((run) => decisionsAt(run, times.length - 1, variant) / scenario.T)),
  )
  const shareCurve = times.map((t, point) => ({
    t,
    shareByVariant: variants.map((_, variant) => {
      const since = runs.map((run) => decisionsAt(run, point, variant) - decisionsAt(run, point - 1, variant))
      return estimate(since).mean / (t - (times[point - 1] ?? 0))
    }),
  }))
  return {
    regret: { mean, standardError },
    curve,
    shareByVariant: shares.map((share) => share.mean),
    shareSpread: shares.map((share) => share.standardError * Math.sqrt(replicates)),
    shareCurve,
    ...(aa ? { falseWinners: estimate(runs.map(({ won }) => (won ? 1 : 0))) } : {}),
  }
}

/** Whether the allocation moves with every decision, so that a batch of them doesn't share one. */
export function allocatesEveryPull({ policy }: Experiment): boolean {
  const { kind, params } = policyChoice(policy)
  return findPolicy(kind).countsPending?.(params) === true
}

function curveTimes({ T, checkpoints }: Scenario): number[] {
  const even = Array.from({ length: EVEN_POINTS }, (_, i) => Math.ceil(((i + 1) * T) / EVEN_POINTS))
  return [...new Set([...even, ...checkpoints])].sort((a, b) => a - b)
}

/** What came of one replicate, cumulated to each of some times. */
interface Run {
  readonly regret: readonly number[]
  /** By time, then by variant. */
  readonly decisions: readonly (readonly number[])[]
  /** Whether a winner was found at any refresh; false where nobody looked. */
  readonly won: boolean
}

function playOnce({ scenario, experiment, aa = false }: Simulation, random: Random, times: readonly number[]): Run {
  const { T, batch } = scenario
  const gateway = new SimulatedGateway(experiment, scenario, `${random().toString(36).slice(2)}-`)
  const world = new World(scenario, random)
  const everyPull = allocatesEveryPull(experiment)
  const counts = experiment.variants.map(() => 0)
  const run = { regret: [] as number[], decisions: [] as number[][], won: false }
  let [regret, decision] = [0, 0]
  for (let start = 0; decision < T; start += batch) {
    gateway.beginBatch(start)
    run.won ||= aa && findsWinner(gateway)
    const first = decision
    for (; decision < T; decision++) {
      const second = secondOf(scenario, decision)
      if (second >= start + batch) break
      if (world.advance(decision))
        gateway.serveOnly(
          second,
          world.worth.map((worth) => worth !== null),
        )
      else if (decision > first && (everyPull || gateway.isBurningIn)) gateway.refresh()
      const choice = gateway.decide(decision, world.unitOf(decision))
      const outcome = world.answer(decision, choice.index)
      gateway.record(decision, second, choice, outcome)
      counts[choice.index] = (counts[choice.index] as number) + 1
      regret += world.best - (world.worth[choice.index] ?? 0)
      if (decision + 1 === times[run.regret.length]) {
        run.regret.push(regret)
        run.decisions.push([...counts])
      }
    }
  }
  return run
}

function findsWinner({ experiment, statistics }: SimulatedGateway): boolean {
  return probabilitiesBest(experiment, statistics).some((probability) => probability > WINS)
}

function estimate(values: readonly number[]): Estimate {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const standardError = values.length > 1 ? Math.sqrt(squares / (values.length - 1) / values.length) : 0
  return { mean, standardError }
}
