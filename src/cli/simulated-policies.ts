import { findPolicy, isPolicyKind, POLICY_KINDS } from "#policies/registry.ts"
import { type ExperimentSettings, settingsIssues } from "../app/simulation/simulated-experiment.ts"
import { describeIssues, parseJson, Refusal } from "./refusal.ts"

/** A policy of `simulate --policies`; `text` is how it was written. */
export interface SimulatedPolicy {
  readonly text: string
  readonly settings: ExperimentSettings
}

const MEMORY_WORDS = `memory is written as in an experiment document: {"kind":"all"}, {"kind":"window","seconds":3600} or {"kind":"discount","halfLifeSeconds":3600}`

/**
 * Reads `thompson,epsilon-greedy:0.05,{"kind":"thompson","memory":{"kind":"window","seconds":600}}`: kinds, kinds with their first
 * parameter, and policies of documents, with settings of the document beside them.
 *
 * @throws Refusal that says which is wrong and what would be right
 */
export function parseSimulatedPolicies(list: string): SimulatedPolicy[] {
  return splitOutsideBraces(list).map((text) => {
    const settings = text.startsWith("{") ? settingsOf(parseJson(text, text)) : { policy: shorthand(text) }
    const issues = settingsIssues(settings)
    if (issues.length > 0) throw new Refusal(describeWrongPolicy(text, issues))
    return { text, settings }
  })
}

/** What is wrong with a policy, each at its place in what was written. */
export function describeWrongPolicy(
  text: string,
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): string {
  const hint = issues.some(({ path }) => path[0] === "memory") ? `\n${MEMORY_WORDS}` : ""
  const places = issues.map(({ path, message }) => ({
    path: path[0] === "policy" || path[0] === "reward" ? path.slice(1) : path,
    message,
  }))
  return `Policy ${text} is wrong:\n${describeIssues(places)}${hint}`
}

/** What stands beside the policy's own parameters in a document is the experiment's. */
function settingsOf(document: unknown): ExperimentSettings {
  if (typeof document !== "object" || document === null) return { policy: document }
  const { memory, stickiness, maturation, failures, ...policy } = document as Readonly<Record<string, unknown>>
  return { policy, memory, stickiness, maturation, failures }
}

function shorthand(text: string): object {
  const [kind = "", ...rest] = text.split(":")
  if (!isPolicyKind(kind)) throw new Refusal(`Unknown policy "${kind}": there are ${POLICY_KINDS.join(", ")}`)
  if (rest.length === 0) return { kind }
  const name = findPolicy(kind).shorthand
  if (name === undefined)
    throw new Refusal(`${kind} has no first parameter to set by "${text}": write {"kind":"${kind}",…}`)
  const value = Number(rest.join(":"))
  if (rest.join("").trim() === "" || !Number.isFinite(value))
    throw new Refusal(`"${text}": ${name} must be a number, as in ${kind}:0.1`)
  return { kind, [name]: value }
}

function splitOutsideBraces(list: string): string[] {
  const parts: string[] = [""]
  let depth = 0
  for (const character of list) {
    if (character === "{") depth += 1
    if (character === "}") depth -= 1
    if (character === "," && depth === 0) parts.push("")
    else parts.push(`${parts.pop() ?? ""}${character}`)
  }
  const trimmed = parts.map((part) => part.trim())
  if (trimmed.includes(""))
    throw new Refusal(`--policies "${list}" has an empty place: write kinds with commas between them`)
  return trimmed
}
