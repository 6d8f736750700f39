import { parseArgs } from "node:util"
import * as z from "zod"
import { allocate as allocateArms } from "#policies/allocate.ts"
import { type Arm, PolicyError } from "#policies/policy.ts"
import { type PolicyChoice, parsePolicy } from "#policies/policy-document.ts"
import { POLICY_KINDS } from "#policies/registry.ts"
import type { Command } from "./command.ts"
import { describeIssues, parseJson, parseShape, Refusal } from "./refusal.ts"

const BAR_CELLS = 40

export const allocate: Command = {
  name: "allocate",
  summary: "The allocation that a policy gives to these statistics",
  usage: `bandit-gateway allocate --policy KIND [--params JSON] --arms JSON [--json]

  --policy KIND   ${POLICY_KINDS.join(", ")}
  --params JSON   the policy's parameters, as in an experiment document, minPropensity and burnInDecisions among them:
                  '{"prior":{"alpha":1,"beta":1},"minPropensity":0.02}'
  --arms JSON     one object per arm: '[{"n":100,"sum":12},{"n":100,"sum":16}]'
                  n decisions, sum of rewards; for value rewards also sumSq, the sum of their squares (default: sum, as for binary rewards);
                  further pending (open decisions, 0), weight (configured share, 1), id (its place from 0), enabled (true)
  --json          one JSON document: {"allocation":[…],"reason":"policy"}`,
  run: async (args, io) => {
    try {
      const { policy, params, arms, json } = options(args)
      const choice = parseChoice(policy, params)
      const { statistics, enabled } = parseArms(arms)
      const { allocation, reason } = allocateArms(choice, statistics, enabled)
      io.stdout.write(json ? `${JSON.stringify({ allocation, reason })}\n` : table(statistics, allocation, reason))
      return 0
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof PolicyError)) throw error
      io.stderr.write(`bandit-gateway allocate: ${error.message}\n`)
      return 1
    }
  },
}

function options(args: readonly string[]): { policy: string; params: string; arms: string; json: boolean } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      policy: { type: "string" },
      params: { type: "string", default: "{}" },
      arms: { type: "string" },
      json: { type: "boolean", default: false },
    },
  })
  const { policy, params, arms, json } = values
  if (policy === undefined) throw new Refusal(`--policy is missing: one of ${POLICY_KINDS.join(", ")}`)
  if (arms === undefined)
    throw new Refusal(`--arms is missing: one object per arm, '[{"n":100,"sum":12},{"n":100,"sum":16}]'`)
  return { policy, params, arms, json }
}

function parseChoice(kind: string, params: string): PolicyChoice {
  const given = parseShape(z.record(z.string(), z.unknown()), parseJson(params, "--params"), "--params")
  const parsed = parsePolicy({ ...given, kind })
  if (parsed.ok) return parsed.policy
  throw new Refusal(`--policy ${kind} with --params ${params} is wrong:\n${describeIssues(parsed.issues)}`)
}

const count = z.number().min(0)
const armsSchema = z
  .array(
    z.strictObject({
      id: z.string().min(1).optional(),
      n: count,
      sum: z.number(),
      sumSq: count.optional(),
      pending: count.default(0),
      weight: count.default(1),
      enabled: z.boolean().default(true),
    }),
  )
  .min(1)

function parseArms(text: string): { statistics: readonly Arm[]; enabled: readonly boolean[] } {
  const given = parseShape(armsSchema, parseJson(text, "--arms"), "--arms")
  const statistics = given.map(({ id, n, sum, sumSq, pending, weight }, index) => {
    return { id: id ?? String(index), n, sum, sumSq: sumSq ?? Math.abs(sum), pending, weight }
  })
  return { statistics, enabled: given.map((arm) => arm.enabled) }
}

function table(arms: readonly Arm[], allocation: readonly number[], reason: string): string {
  const width = Math.max(3, ...arms.map(({ id }) => id.length))
  const rows = arms.map(({ id, n, sum }, index) => {
    const probability = allocation[index] ?? 0
    const mean = n > 0 ? (sum / n).toPrecision(4) : "-"
    const bar = "█".repeat(Math.round(probability * BAR_CELLS))
    return `${id.padEnd(width)}  ${String(n).padStart(10)}  ${mean.padStart(9)}  ${probability.toFixed(6)}  ${bar}`.trimEnd()
  })
  const heading = `${"arm".padEnd(width)}  ${"n".padStart(10)}  ${"mean".padStart(9)}  share`
  const footer = reason === "burn_in" ? "Burn-in: the configured weights, until there are enough decisions.\n" : ""
  return `${[heading, ...rows].join("\n")}\n${footer}`
}
