import { type Simulation, type SimulationResult, simulate } from "#src/app/simulation/simulate.ts"
import { type ExperimentSettings, simulatedExperiment } from "#src/app/simulation/simulated-experiment.ts"
import type { Scenario } from "#src/app/simulation/simulation-scenario.ts"
import { replicateStreams } from "#src/cli/replicate-streams.ts"
import type { Experiment } from "#src/domain/experiment.ts"

/** A small world whose first variant always pays, changed as said. */
export function scenarioOf(given: Partial<Scenario>): Scenario {
  return {
    id: "small",
    T: 100,
    batch: 10,
    delay: 0,
    decisionsPerSecond: 1,
    segments: [[0, [1, 0]]],
    checkpoints: [],
    ...given,
  }
}

export function experimentOf(scenario: Scenario, settings: ExperimentSettings): Experiment {
  const parsed = simulatedExperiment(scenario, settings)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
  return parsed.experiment
}

export interface PlaySettings extends Omit<ExperimentSettings, "policy"> {
  readonly replicates?: number
  readonly seed?: string
  readonly aa?: boolean
}

/** A policy in a small world, three times unless told otherwise. */
export function playing(given: Partial<Scenario>, policy: object, settings: PlaySettings = {}): Simulation {
  const { replicates = 3, seed = "a", aa = false, ...others } = settings
  const scenario = scenarioOf(given)
  const experiment = experimentOf(scenario, { policy, ...others })
  return { scenario, experiment, replicates, aa, randomOf: replicateStreams(seed) }
}

/** Plays to the end: the result, and what was told on the way. */
export function finish(simulation: Simulation): { readonly result: SimulationResult; readonly progress: number[] } {
  const progress: number[] = []
  const run = simulate(simulation)
  let step = run.next()
  while (step.done !== true) {
    progress.push(step.value)
    step = run.next()
  }
  return { result: step.value, progress }
}
