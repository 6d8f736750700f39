import * as z from "zod"
import { type PolicyChoice, parsePolicy } from "#policies/policy-document.ts"
import { findPolicy, isPolicyKind, POLICY_KINDS } from "#policies/registry.ts"
import { type Experiment, memorySchema } from "../domain/experiment.ts"
import { describeIssues, parseJson, Refusal } from "./refusal.ts"

/** A policy of `simulate --policies`; `text` is how it was written. */
export interface SimulatedPolicy {
  readonly text: string
  readonly policy: PolicyChoice
  /** In the words of an experiment document: seconds, whose pulls the scenario says. */
  readonly memory: Experiment["memory"]
}

const documentSchema = z.looseObject({ memory: memorySchema.default({ kind: "all" }) })
const MEMORY_WORDS = `memory is written as in an experiment document: {"kind":"all"}, {"kind":"window","seconds":3600} or {"kind":"discount","halfLifeSeconds":3600}`

/**
 * Reads `thompson,epsilon-greedy:0.05,{"kind":"thompson","memory":{"kind":"window","seconds":600}}`: kinds, kinds with their first
 * parameter, and whole documents.
 *
 * @throws Refusal that says which is wrong and what would be right
 */
export function parseSimulatedPolicies(list: string): SimulatedPolicy[] {
  return splitOutsideBraces(list).map((text) => {
    const { memory, ...document } = readDocument(text.startsWith("{") ? parseJson(text, text) : shorthand(text), text)
    const parsed = parsePolicy(document)
    if (!parsed.ok) throw new Refusal(`Policy ${text} is wrong:\n${describeIssues(parsed.issues)}`)
    return { text, policy: parsed.policy, memory }
  })
}

function readDocument(document: unknown, text: string): z.output<typeof documentSchema> {
  const read = documentSchema.safeParse(document)
  if (read.success) return read.data
  const { issues } = read.error
  const hint = issues.some(({ path }) => path[0] === "memory") ? `\n${MEMORY_WORDS}` : ""
  throw new Refusal(`Policy ${text} is wrong:\n${describeIssues(issues)}${hint}`)
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
