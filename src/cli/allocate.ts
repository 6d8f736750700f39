import { parseArgs } from "node:util"
import * as z from "zod"
import { type Allocated, allocate as allocateArms } from "#policies/allocate.ts"
import { type Arm, PolicyError } from "#policies/policy.ts"
import { type PolicyChoice, parsePolicy } from "#policies/policy-document.ts"
import { POLICY_KINDS } from "#policies/registry.ts"
import type { Command } from "./command.ts"
import { describeIssues, parseJson, parseShape, Refusal, refuse } from "./refusal.ts"
import { widthOf } from "./wrapped.ts"

const MOST_BAR_CELLS = 40

export const allocate: Command = {
  name: "allocate",
  summary: "The allocation that a policy gives to these statistics",
  usage: `npm run cli -- allocate --policy KIND --arms JSON [--params JSON] [--json]

Says which share of the decisions a policy would give to each variant, from what
is known of them. Nothing is served or written.

  --policy KIND   one of ${POLICY_KINDS.slice(0, 4).join(", ")},
                  ${POLICY_KINDS.slice(4).join(", ")}
  --arms JSON     one object per variant: n decisions, sum of their rewards.
                  Where rewards are not 0 or 1, also sumSq, the sum of their
                  squares. Further: id (its place, from 0), pending (decisions whose
                  outcome is open, 0), weight (share in static splits, 1),
                  lifetime (decisions since it was enabled: for the burn-in,
                  n + pending), enabled (true)
  --params JSON   the policy's parameters as in an experiment document:
                  '{"prior":{"alpha":1,"beta":1},"minPropensity":0.02}'
  --json          one JSON document: {"allocation":[…],"reasons":["policy",…]}

  npm run cli -- allocate --policy thompson \\
    --arms '[{"n":1000,"sum":11},{"n":1000,"sum":16}]'`,
  run: async (args, io) => {
    try {
      const { policy, params, arms, json } = options(args)
      const choice = parseChoice(policy, params)
      const { statistics, enabled } = parseArms(arms)
      const allocated = allocateArms(choice, statistics, enabled)
      io.stdout.write(json ? `${JSON.stringify(allocated)}\n` : table(statistics, allocated, widthOf(io.stdout)))
      return 0
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof PolicyError)) throw error
      refuse(io, "allocate", error.message)
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
      lifetime: count.optional(),
      enabled: z.boolean().default(true),
    }),
  )
  .min(1)

function parseArms(text: string): { statistics: readonly Arm[]; enabled: readonly boolean[] } {
  const given = parseShape(armsSchema, parseJson(text, "--arms"), "--arms")
  const statistics = given.map(({ id, n, sum, sumSq, pending, weight, lifetime }, index) => {
    const counted = { n, pending, sum, sumSq: sumSq ?? Math.abs(sum), lifetime: lifetime ?? n + pending }
    return { id: id ?? String(index), weight, ...counted }
  })
  return { statistics, enabled: given.map((arm) => arm.enabled) }
}

function table(arms: readonly Arm[], { allocation, reasons }: Allocated, columns: number): string {
  const width = Math.max(3, ...arms.map(({ id }) => id.length))
  const barCells = Math.max(0, Math.min(MOST_BAR_CELLS, columns - width - 35))
  const rows = arms.map(({ id, n, sum }, index) => {
    const probability = allocation[index] ?? 0
    const mean = n > 0 ? (sum / n).toPrecision(4) : "-"
    const bar = "█".repeat(Math.round(probability * barCells))
    const share = `${probability.toFixed(6)}${reasons[index] === "burn_in" ? "*" : " "}`
    return `${id.padEnd(width)}  ${String(n).padStart(10)}  ${mean.padStart(9)}  ${share} ${bar}`.trimEnd()
  })
  const heading = `${"arm".padEnd(width)}  ${"n".padStart(10)}  ${"mean".padStart(9)}  share`
  const footer = reasons.includes("burn_in") ? "* in its burn-in: its share is by its weight\n" : ""
  return `${[heading, ...rows].join("\n")}\n${footer}`
}
