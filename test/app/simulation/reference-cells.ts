import { readFileSync } from "node:fs"
import * as z from "zod"
import { allocatesEveryPull } from "#src/app/simulation/simulate.ts"
import { simulatedExperiment } from "#src/app/simulation/simulated-experiment.ts"
import { type Scenario, scenarioSchema } from "#src/app/simulation/simulation-scenario.ts"
import type { Experiment } from "#src/domain/experiment.ts"

/** A cell of the reference table that one of our policies can be compared with. */
export interface ReferenceCell {
  readonly scenario: Scenario
  /** The reference's own name for the policy, with its parameters. */
  readonly name: string
  readonly experiment: Experiment
  readonly mean: number
  readonly standardError: number
}

const policySchema = z.discriminatedUnion("name", [
  z.object({ name: z.literal("uniform") }),
  z.object({ name: z.literal("epsilon_greedy"), epsilon: z.number() }),
  z.object({ name: z.literal("epsilon_greedy_decay"), c: z.number() }),
  z.object({ name: z.literal("ucb1") }),
  z.object({ name: z.literal("ucb1_tuned") }),
  z.object({ name: z.literal("ucb1_tuned_pending") }),
  z.object({ name: z.literal("kl_ucb") }),
  z.object({ name: z.literal("thompson") }),
  z.object({ name: z.literal("thompson_floor"), uniform_mix: z.number() }),
  z.object({ name: z.literal("thompson_discounted"), gamma: z.number() }),
  z.object({ name: z.literal("thompson_window"), window: z.number() }),
  z.object({ name: z.literal("top_two_thompson"), beta_tt: z.number() }),
])

const fileSchema = z.object({
  scenarios: z.array(scenarioSchema),
  results: z.array(
    z.object({ scenario: z.string(), policy: policySchema, regret_mean: z.number(), regret_se: z.number() }),
  ),
})

type ReferencePolicy = z.output<typeof policySchema>

/** Every cell of the reference that maps to a policy of ours, in the reference's order. */
export function referenceCells(): ReferenceCell[] {
  const file = new URL("../../fixtures/policies/regret_reference.json", import.meta.url)
  const { scenarios, results } = fileSchema.parse(JSON.parse(readFileSync(file, "utf8")))
  return results.flatMap(({ scenario: id, policy: reference, regret_mean: mean, regret_se: standardError }) => {
    const scenario = scenarios.find((candidate) => candidate.id === id)
    if (scenario === undefined) return []
    const experiment = ours(reference, scenario)
    if (!comparable(reference, scenario, experiment)) return []
    return [{ scenario, name: nameOf(reference), experiment, mean, standardError }]
  })
}

/** Index policies that ignore open decisions in the reference. */
const BLIND: readonly ReferencePolicy["name"][] = ["ucb1", "ucb1_tuned", "kl_ucb"]

/** Where ours counts open decisions and the reference ignores them, the two are the same only if there are none. */
function comparable(reference: ReferencePolicy, scenario: Scenario, experiment: Experiment): boolean {
  const noneOpen = scenario.batch === 1 && scenario.delay === 0
  return noneOpen || !BLIND.includes(reference.name) || !allocatesEveryPull(experiment)
}

function ours(reference: ReferencePolicy, scenario: Scenario): Experiment {
  const policy = documentOf(reference, scenario.segments[0]?.[1].length ?? 0)
  const parsed = simulatedExperiment(scenario, { policy, memory: memoryOf(reference) })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
  return parsed.experiment
}

/** The document that says in our words what the reference says in its own. */
function documentOf(reference: ReferencePolicy, arms: number): object {
  if (reference.name === "epsilon_greedy") return { kind: "epsilon-greedy", epsilon: reference.epsilon }
  if (reference.name === "epsilon_greedy_decay") return { kind: "epsilon-greedy", decay: reference.c * arms }
  if (reference.name === "thompson_floor") return { kind: "thompson", minPropensity: reference.uniform_mix / arms }
  if (reference.name === "top_two_thompson") return { kind: "top-two", beta: reference.beta_tt }
  return { kind: KINDS[reference.name] }
}

const KINDS = {
  uniform: "static",
  ucb1: "ucb1",
  ucb1_tuned: "ucb1-tuned",
  ucb1_tuned_pending: "ucb1-tuned",
  kl_ucb: "kl-ucb",
  thompson: "thompson",
  thompson_discounted: "thompson",
  thompson_window: "thompson",
} as const

/** In seconds, at one decision a second. */
function memoryOf(reference: ReferencePolicy): Experiment["memory"] {
  if (reference.name === "thompson_discounted") {
    return { kind: "discount", halfLifeSeconds: Math.log(0.5) / Math.log(reference.gamma) }
  }
  if (reference.name === "thompson_window") return { kind: "window", seconds: reference.window }
  return { kind: "all" }
}

function nameOf(reference: ReferencePolicy): string {
  const { name, ...parameters } = reference
  return [name, ...Object.values(parameters)].join(" ")
}
