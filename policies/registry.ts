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

const common = {
  minPropensity: z.number().min(0).max(1).default(0).describe("Least probability of every enabled variant"),
  burnInDecisions: z.int().min(0).default(0).describe("Decisions served by the weights before the policy takes over"),
}

/** `policy` of an experiment document: `kind`, `minPropensity`, `burnInDecisions` and the policy's own parameters; unknown keys are refused. */
export const policySchema = z.discriminatedUnion(
  "kind",
  [
    POLICIES.static.params.safeExtend({ kind: z.literal("static"), ...common }),
    POLICIES["epsilon-greedy"].params.safeExtend({ kind: z.literal("epsilon-greedy"), ...common }),
    POLICIES.thompson.params.safeExtend({ kind: z.literal("thompson"), ...common }),
    POLICIES["thompson-gaussian"].params.safeExtend({ kind: z.literal("thompson-gaussian"), ...common }),
    POLICIES.ucb1.params.safeExtend({ kind: z.literal("ucb1"), ...common }),
    POLICIES["ucb1-tuned"].params.safeExtend({ kind: z.literal("ucb1-tuned"), ...common }),
    POLICIES["kl-ucb"].params.safeExtend({ kind: z.literal("kl-ucb"), ...common }),
    POLICIES.softmax.params.safeExtend({ kind: z.literal("softmax"), ...common }),
    POLICIES["top-two"].params.safeExtend({ kind: z.literal("top-two"), ...common }),
    POLICIES.canary.params.safeExtend({ kind: z.literal("canary"), ...common }),
  ],
  {
    error: (issue) =>
      issue.code === "invalid_union" ? `Unknown policy kind; there are ${POLICY_KINDS.join(", ")}` : undefined,
  },
)
