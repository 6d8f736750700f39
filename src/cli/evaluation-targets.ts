import * as z from "zod"
import type { LoggedFacts } from "../app/evaluation/evaluate.ts"
import { evaluatedExperiment } from "../app/evaluation/evaluated-experiment.ts"
import { PlayedPolicy } from "../app/evaluation/played-policy.ts"
import { fixedTarget, type Target, uniformTarget } from "../app/evaluation/target.ts"
import { parseJson, parseShape, Refusal } from "./refusal.ts"
import { describeWrongPolicy, parseSimulatedPolicies, type SimulatedPolicy } from "./simulated-policies.ts"

/** What `evaluate` is asked to judge. */
export interface WantedTargets {
  readonly policies: readonly SimulatedPolicy[]
  readonly allocations: readonly Readonly<Record<string, number>>[]
  readonly learn: "accepted" | "logged"
}

const ROUNDING = 1e-6

/** @throws Refusal that says which is wrong and what would be right */
export function parseTargets(given: {
  readonly policies: readonly string[]
  readonly params: string | undefined
  readonly allocations: readonly string[]
  readonly learn: string
}): WantedTargets {
  const { params, learn } = given
  if (learn !== "accepted" && learn !== "logged") throw new Refusal(`--learn ${learn}: it is accepted or logged`)
  if (params !== undefined && given.policies.length !== 1) {
    throw new Refusal('--params belongs to one --policy. For several, write each as JSON: \'{"kind":"thompson",…}\'')
  }
  const texts = given.policies.map((text) => (params === undefined ? text : withParams(text, params)))
  return {
    policies: texts.flatMap((text) => parseSimulatedPolicies(text)),
    allocations: given.allocations.map(parseAllocation),
    learn,
  }
}

function withParams(kind: string, params: string): string {
  const given = parseShape(z.record(z.string(), z.unknown()), parseJson(params, "--params"), "--params")
  return JSON.stringify({ kind, ...given })
}

function parseAllocation(text: string): Readonly<Record<string, number>> {
  const what = "--target-allocation"
  const shares = parseShape(z.record(z.string(), z.number().min(0).max(1)), parseJson(text, what), what)
  const total = Object.values(shares).reduce((sum, share) => sum + share, 0)
  if (Math.abs(total - 1) > ROUNDING) {
    throw new Refusal(`${what} ${text}: its shares add up to ${Number(total.toPrecision(6))}; they must add up to 1`)
  }
  return shares
}

/** The targets for a log: those that were asked for, or each variant alone where none was; and the even split. @throws Refusal */
export function targetsFor(wanted: WantedTargets, experiment: string, facts: LoggedFacts): Target[] {
  const { variants } = facts.summary
  const nothing = wanted.policies.length === 0 && wanted.allocations.length === 0
  const allocations = nothing ? variants.map((variant) => ({ [variant]: 1 })) : wanted.allocations
  return [
    ...allocations.map((shares) => allocationTarget(shares, variants)),
    ...wanted.policies.map((policy) => playedTarget(policy, wanted.learn, experiment, facts)),
    uniformTarget(variants.length, facts.fewestEnabled),
  ]
}

function allocationTarget(shares: Readonly<Record<string, number>>, variants: readonly string[]): Target {
  const unknown = Object.keys(shares).find((variant) => !variants.includes(variant))
  if (unknown !== undefined) {
    throw new Refusal(
      `--target-allocation names ${unknown}, of which the log has nothing; it has ${variants.join(", ")}`,
    )
  }
  const taking = Object.entries(shares).filter(([, share]) => share > 0)
  const [only] = taking
  const name =
    taking.length === 1 && only !== undefined
      ? `always ${only[0]}`
      : taking.map(([variant, share]) => `${variant} ${share}`).join(", ")
  return fixedTarget(
    name,
    variants.map((variant) => shares[variant] ?? 0),
  )
}

function playedTarget(
  { text, settings }: SimulatedPolicy,
  learn: WantedTargets["learn"],
  experiment: string,
  { summary, lowest }: LoggedFacts,
): Target {
  const parsed = evaluatedExperiment(experiment, summary, settings)
  if (!parsed.ok) throw new Refusal(describeWrongPolicy(text, parsed.issues))
  return new PlayedPolicy(text, parsed.experiment, learn === "accepted" ? lowest : undefined)
}
