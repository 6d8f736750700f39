import { deepFreeze } from "./deep-freeze.ts"
import { findPolicy, type PolicyDocument, type PolicyKind, policySchema } from "./registry.ts"

/** A policy with its parameters, validated and frozen: what `allocate` takes. */
export interface PolicyChoice {
  readonly kind: PolicyKind
  /** Least probability of every enabled arm, in [0, 1]. */
  readonly minPropensity: number
  /** Decisions of its own until which an arm is a newcomer, which gets its share by the weights; 0: none is one. */
  readonly burnInDecisions: number
  /** Largest share of all newcomers together, in [0, 1], while there are others. */
  readonly newcomerShare: number
  /** The policy's own parameters, defaults filled in. */
  readonly params: object
}

/** What is wrong in a policy document, and where: `path` as in the document, empty for the document itself. */
export interface PolicyIssue {
  readonly path: readonly string[]
  readonly message: string
}

export type ParsedPolicy =
  | { readonly ok: true; readonly policy: PolicyChoice }
  | { readonly ok: false; readonly issues: readonly PolicyIssue[] }

/** Turns a `policy` document into a choice that `allocate` takes, or says everything that is wrong with it. Never throws. */
export function parsePolicy(input: unknown): ParsedPolicy {
  const result = policySchema.safeParse(input)
  if (result.success) return { ok: true, policy: policyChoice(result.data) }
  return { ok: false, issues: result.error.issues.map(({ path, message }) => ({ path: path.map(String), message })) }
}

const choices = new WeakMap<PolicyDocument, PolicyChoice>()

/** The choice that an already validated document (the output of `policySchema`) makes. A document must not change after that. */
export function policyChoice(document: PolicyDocument): PolicyChoice {
  const known = choices.get(document)
  if (known !== undefined) return known
  const { kind, minPropensity, burnInDecisions, newcomerShare, ...params } = document
  const choice = Object.freeze({ kind, minPropensity, burnInDecisions, newcomerShare, params: deepFreeze(params) })
  choices.set(document, choice)
  return choice
}

/** Arm ids that the parameters refer to, by the parameter: each must be a variant of the experiment. */
export function namedArms(policy: PolicyChoice): readonly (readonly [parameter: string, id: unknown])[] {
  const { namedArms: parameters } = findPolicy(policy.kind)
  if (parameters === undefined) return []
  const params = new Map<string, unknown>(Object.entries(policy.params))
  return parameters.map((parameter) => [parameter, params.get(parameter)])
}
