import { simulatedExperiment } from "../app/simulation/simulated-experiment.ts"
import { alike, type Scenario } from "../app/simulation/simulation-scenario.ts"
import { replicateStreams } from "./replicate-streams.ts"
import { describeWrongPolicy, type SimulatedPolicy } from "./simulated-policies.ts"
import type { Cell } from "./simulation-estimate.ts"

/** What is asked to be played. */
export interface Plan {
  readonly scenarios: readonly Scenario[]
  readonly policies: readonly SimulatedPolicy[]
  readonly replicates: number
  readonly seed: number
  /** Whether all variants are made alike. */
  readonly aa: boolean
}

/**
 * Every policy in every scenario, scenario by scenario.
 *
 * @returns those that can be played, and of the others what is wrong, each in a sentence
 */
export function cellsOf({ scenarios, policies, replicates, seed, aa }: Plan): {
  readonly cells: readonly Cell[]
  readonly left: readonly string[]
} {
  const cells: Cell[] = []
  const left: string[] = []
  for (const given of scenarios) {
    const scenario = aa ? alike(given) : given
    for (const { text, settings } of policies) {
      const parsed = simulatedExperiment(scenario, settings)
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
