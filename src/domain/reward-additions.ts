import { type CounterDelta, NANOS, rewardCohort, secondOf, squareUnits } from "./counters.ts"
import type { CreditStep } from "./credits.ts"
import type { CounterAddition, GroupAddition } from "./decision-facts.ts"
import { delayBin, delayMetric } from "./delay-counters.ts"
import type { RewardEvent } from "./events.ts"
import { hourOf } from "./group-rows.ts"

/** What of a reward the counters depend on. */
export type CountedReward = Omit<RewardEvent, "v" | "type" | "revision" | "instance">

/** What one reward adds. */
export interface RewardAdditions {
  readonly counter: CounterAddition | undefined
  readonly group: GroupAddition | undefined
}

const NONE: RewardAdditions = { counter: undefined, group: undefined }

/** What a reward adds to counters and group rows: the difference between what its credit was worth before and after. */
export function rewardAdditions(
  event: CountedReward,
  { before, after }: Pick<CreditStep, "before" | "after">,
): RewardAdditions {
  const cohort = rewardCohort(event)
  if (cohort === undefined || before === after) return NONE
  const { experiment, variant, series, metric } = event
  const second = secondOf(event.decidedAt)
  const delta: CounterDelta = {
    count: (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1),
    sum: (after ?? 0) - (before ?? 0),
    sumSq: squareUnits(after ?? 0) - squareUnits(before ?? 0),
  }
  const counter = { key: { experiment, cohort, variant, series, metric, bucket: second }, delta }
  if (cohort !== "learned") return { counter, group: undefined }
  const weighted = event.stickiness === "request" ? weigh(after ?? 0, event) - weigh(before ?? 0, event) : 0
  const key = { experiment, variant, series, metric, epoch: event.epoch, hour: hourOf(second), group: event.group }
  return { counter, group: { key, delta: { ...delta, weighted, allocated: 0 } } }
}

/**
 * What a reward adds to the counters of delays: its credit counts by how long after the decision its earliest reward came. Nothing where nobody
 * learns from delays.
 */
export function delayAdditions(
  event: CountedReward,
  { arrivedBefore, arrivedAfter }: Pick<CreditStep, "arrivedBefore" | "arrivedAfter">,
): CounterAddition[] {
  const { experiment, variant, series, metric, delayWindowSeconds: windowSeconds } = event
  if (windowSeconds === undefined || rewardCohort(event) !== "learned" || arrivedBefore === arrivedAfter) return []
  const additionAt = (at: number | undefined, count: 1 | -1): CounterAddition[] => {
    if (at === undefined) return []
    const bin = delayBin((at - Date.parse(event.decidedAt)) / 1000, windowSeconds)
    const name = delayMetric({ metric, windowSeconds, bin })
    const key = {
      experiment,
      cohort: "learned" as const,
      variant,
      series,
      metric: name,
      bucket: secondOf(event.decidedAt),
    }
    return [{ key, delta: { count, sum: 0, sumSq: 0 } }]
  }
  return [...additionAt(arrivedBefore, -1), ...additionAt(arrivedAfter, 1)]
}

/** round(value / p), so that a replaced reward takes away exactly what it had added. */
function weigh(valueUnits: number, { propensity }: CountedReward): number {
  return Math.round((valueUnits * NANOS) / Math.round(propensity * NANOS))
}
