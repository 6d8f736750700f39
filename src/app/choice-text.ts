import type { Choice } from "../domain/choice.ts"
import { cohortOf, NANOS } from "../domain/counters.ts"
import type { AllocationFacts, ChoiceFacts } from "../domain/decision-facts.ts"
import { longestWindowSeconds } from "../domain/metric.ts"
import type { Snapshot } from "../domain/snapshot.ts"
import { type TokenFrame, tokenFrame } from "../domain/token.ts"

/** What a choice looks like on the wire, and what it tells the counters, as far as it is the same for every decision that makes it. */
export interface ChoiceText {
  readonly token: TokenFrame
  /** JSON members of the decision event, without braces: what comes before the decision's own id and unit, and what after. */
  readonly membersBefore: string
  readonly membersAfter: string
  /** Undefined where decisions leave nothing in the counters. */
  readonly facts: ChoiceFacts | undefined
}

/** Texts of the choices that a snapshot was made with, by whether they are learned from. They go when the snapshot does. */
const prepared = { learned: new WeakMap<Choice, ChoiceText>(), other: new WeakMap<Choice, ChoiceText>() }

/**
 * The texts of a choice: made once where the choice was prepared with its snapshot, for each decision where it depends on the context.
 *
 * @param learn false for a choice that would be learned from, had it been answered
 */
export function choiceText(snapshot: Snapshot, choice: Choice, learn: boolean): ChoiceText {
  const texts = learn ? prepared.learned : prepared.other
  const known = texts.get(choice)
  if (known !== undefined) return known
  const text = writeChoice(snapshot, choice, learn)
  if (snapshot.plan.kind === "fixed") texts.set(choice, text)
  return text
}

function writeChoice(snapshot: Snapshot, choice: Choice, learn: boolean): ChoiceText {
  const { variant, propensity, allocation, reason } = choice
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
    facts: choiceFacts(snapshot, { ...choice, learn }, series),
  }
}

function choiceFacts(snapshot: Snapshot, choice: Choice, series: number): ChoiceFacts | undefined {
  const cohort = cohortOf(choice)
  if (cohort === undefined) return undefined
  return {
    cohort,
    variant: choice.variant,
    series,
    propensityNanos: Math.round(choice.propensity * NANOS),
    weighted: snapshot.experiment.stickiness === "request",
    allocation: allocationFacts(snapshot, choice),
  }
}

/** By the allocation itself: all choices of one draw share it. */
const allocations = new WeakMap<Choice["allocation"], AllocationFacts>()

function allocationFacts({ experiment, lineage }: Snapshot, { allocation }: Choice): AllocationFacts {
  const known = allocations.get(allocation)
  if (known !== undefined) return known
  const facts = {
    experiment: experiment.id,
    epoch: lineage.epoch,
    variants: experiment.variants.map(({ id }, index) => ({
      variant: id,
      series: lineage.series[id] ?? 1,
      nanos: Math.round((allocation[index] as number) * NANOS),
    })),
  }
  allocations.set(allocation, facts)
  return facts
}

function members(fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(fields).slice(1, -1)
}
