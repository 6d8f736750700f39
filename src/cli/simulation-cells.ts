import { type ExperimentSettings, simulatedExperiment } from "../app/simulation/simulated-experiment.ts"
import { alike, type Scenario } from "../app/simulation/simulation-scenario.ts"
import type { ParsedExperiment } from "../domain/experiment.ts"
import { replicateStreams } from "./replicate-streams.ts"
import { describeWrongPolicy, type SimulatedPolicy } from "./simulated-policies.ts"
import type { Cell } from "./simulation-estimate.ts"

/** A scenario, and the experiments that can be played in it. */
export interface PlayedWorld {
  readonly scenario: Scenario
  readonly experimentOf: (settings: ExperimentSettings) => ParsedExperiment
}

/** The world of a made-up scenario. @param aa whether all its variants are made alike */
export function madeUpWorld(given: Scenario, aa: boolean): PlayedWorld {
  const scenario = aa ? alike(given) : given
  return { scenario, experimentOf: (settings) => simulatedExperiment(scenario, settings) }
}

/** How worlds are to be played. */
export interface Plan {
  readonly policies: readonly SimulatedPolicy[]
  readonly replicates: number
  readonly seed: number
  /** Whether all variants are made alike. */
  readonly aa: boolean
}

/**
 * Every policy in every world, world by world.
 *
 * @returns those that can be played, and of the others what is wrong, each in a sentence
 */
export function cellsOf(
  worlds: readonly PlayedWorld[],
  { policies, replicates, seed, aa }: Plan,
): {
  readonly cells: readonly Cell[]
  readonly left: readonly string[]
} {
  const cells: Cell[] = []
  const left: string[] = []
  for (const { scenario, experimentOf } of worlds) {
    for (const { text, settings } of policies) {
      const parsed = experimentOf(settings)
      if (!parsed.ok) {
        left.push(`${scenario.id}: ${describeWrongPolicy(text, parsed.issues)}`)
        continue
      }
      const randomOf = replicateStreams(`${seed}/${scenario.id}/${text}`)
      cells.push({ text, simulation: { scenario, experiment: parsed.experiment, replicates, randomOf, aa } })
    }
  }
  return { cells, left }
}
