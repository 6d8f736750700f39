import type { Choice } from "../domain/choice.ts"
import { longestWindowSeconds } from "../domain/metric.ts"
import type { Snapshot } from "../domain/snapshot.ts"
import { type TokenFrame, tokenFrame } from "../domain/token.ts"

/** What a choice looks like on the wire as far as it is the same for every decision that makes it. */
export interface ChoiceText {
  readonly token: TokenFrame
  /** JSON members of the decision event, without braces: what comes before the decision's own id and unit, and what after. */
  readonly membersBefore: string
  readonly membersAfter: string
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

function writeChoice(snapshot: Snapshot, { variant, propensity, allocation, reason, learn }: Choice): ChoiceText {
  const { experiment, revision, stateVersion, keyId, lineage } = snapshot
  const seriesOf = (id: string) => lineage.series[id] ?? 1
  const series = seriesOf(variant)
  const byVariant = (valueOf: (id: string, index: number) => unknown) =>
    Object.fromEntries(experiment.variants.map(({ id }, index) => [id, valueOf(id, index)]))
  return {
    token: tokenFrame(keyId, {
      experiment: experiment.id,
      revision,
      series,
      variant,
      propensity,
      learn,
      holdout: reason === "holdout",
      longestWindowSeconds: longestWindowSeconds(experiment),
    }),
    membersBefore: members({
      experiment: experiment.id,
      revision,
      series,
      ...(experiment.variants.every(({ id }) => seriesOf(id) === series)
        ? {}
        : { seriesByVariant: byVariant(seriesOf) }),
      epoch: lineage.epoch,
      metric: experiment.reward.metric,
    }),
    membersAfter: members({
      stickiness: experiment.stickiness,
      variant,
      propensity,
      allocation: byVariant((_, index) => allocation[index]),
      policy: experiment.policy.kind,
      stateVersion,
      reason,
      learn,
    }),
  }
}

function members(fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(fields).slice(1, -1)
}
