import type { Choice } from "../domain/choice.ts"
import type { Snapshot } from "../domain/snapshot.ts"
import { tokenHead } from "../domain/token.ts"

/** What a choice looks like on the wire as far as it is the same for every decision that makes it. */
export interface ChoiceText {
  readonly tokenHead: string
  /** JSON members of the decision event, without braces. */
  readonly eventMembers: string
}

/** Texts of the choices that a snapshot was made with. They go when the snapshot does. */
const prepared = new WeakMap<Choice, ChoiceText>()

/**
 * The texts of a choice: made once where the choice was prepared with its snapshot, for each decision where it depends on the context.
 *
 * @param learn false for a choice that would be learned from, had it been answered
 */
export function choiceText(snapshot: Snapshot, choice: Choice, learn: boolean): ChoiceText {
  if (learn !== choice.learn) return writeChoice(snapshot, { ...choice, learn })
  const known = prepared.get(choice)
  if (known !== undefined) return known
  const text = writeChoice(snapshot, choice)
  if (snapshot.plan.kind === "fixed") prepared.set(choice, text)
  return text
}

function writeChoice({ experiment, revision, stateVersion, keyId }: Snapshot, choice: Choice): ChoiceText {
  const { variant, propensity, reason, learn } = choice
  const { metric, attributionWindowSeconds } = experiment.reward
  const allocation = Object.fromEntries(experiment.variants.map(({ id }, i) => [id, choice.allocation[i]]))
  return {
    tokenHead: tokenHead(keyId, {
      experiment: experiment.id,
      revision,
      variant,
      propensity,
      attributionWindowSeconds,
      learn,
    }),
    eventMembers: members({
      experiment: experiment.id,
      revision,
      stickiness: experiment.stickiness,
      variant,
      propensity,
      allocation,
      policy: experiment.policy.kind,
      stateVersion,
      reason,
      learn,
      metric,
    }),
  }
}

function members(fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(fields).slice(1, -1)
}
