import * as z from "zod"
import { canary } from "./canary.ts"
import { epsilonGreedy } from "./epsilon-greedy.ts"
import { klUcb } from "./kl-ucb.ts"
import type { Policy } from "./policy.ts"
import { softmax } from "./softmax.ts"
import { staticSplit } from "./static.ts"
import { thompson } from "./thompson.ts"
import { thompsonGaussian } from "./thompson-gaussian.ts"
import { topTwo } from "./top-two.ts"
import { ucb1 } from "./ucb1.ts"
import { ucb1Tuned } from "./ucb1-tuned.ts"

/** Every policy there is, by its kind: the only list of them. */
export const POLICIES = {
  static: staticSplit,
  "epsilon-greedy": epsilonGreedy,
  thompson,
  "thompson-gaussian": thompsonGaussian,
  ucb1,
  "ucb1-tuned": ucb1Tuned,
  "kl-ucb": klUcb,
  softmax,
  "top-two": topTwo,
  canary,
} as const

export type PolicyKind = keyof typeof POLICIES

/** The kinds in the order of the documentation. */
export const POLICY_KINDS = Object.keys(POLICIES).filter(isPolicyKind)

export function isPolicyKind(kind: string): kind is PolicyKind {
  return Object.hasOwn(POLICIES, kind)
}

/** The policy of that kind, its parameters as `parsePolicy` leaves them. */
export function findPolicy(kind: PolicyKind): Policy {
  return POLICIES[kind]
}

/** What every policy document has beside the policy's own parameters. */
export const commonPolicyFields = z.object({
  minPropensity: z.number().min(0).max(1).default(0).describe("Least probability of every enabled variant"),
  burnInDecisions: z
    .int()
    .min(0)
    .default(0)
    .describe("Decisions that each variant gets by the weights before the policy decides about it"),
  newcomerShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.2)
    .describe("Largest share that variants in their burn-in take together beside others"),
})

/** A valid policy document: the policy's own parameters stand beside what all have in common. */
export interface PolicyDocument extends z.output<typeof commonPolicyFields> {
  readonly kind: PolicyKind
  readonly [parameter: string]: unknown
}

const [first, ...others] = POLICY_KINDS.map((kind) =>
  findPolicy(kind).params.safeExtend({ kind: z.literal(kind), ...commonPolicyFields.shape }),
)
if (first === undefined) throw new Error("there is a policy")

/**
 * `policy` of an experiment document: `kind`, what all have in common and the policy's own parameters; unknown keys are refused.
 *
 * Which parameters there are is known at run time only, so the type is said here.
 */
export const policySchema = z.discriminatedUnion("kind", [first, ...others], {
  error: (issue) =>
    issue.code === "invalid_union" ? `Unknown policy kind; there are ${POLICY_KINDS.join(", ")}` : undefined,
}) as z.ZodType as z.ZodType<PolicyDocument>
