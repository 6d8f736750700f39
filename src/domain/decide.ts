import { assign, unitInterval } from "./assignment.ts"
import { type Choice, certainChoice, type Snapshot } from "./snapshot.ts"

/**
 * Chooses a variant. Pure: the same snapshot and unit give the same choice.
 *
 * Order: a forced variant; a holdout unit gets the control; an experiment that isn't running gives everyone the control; else the allocation.
 *
 * @param unit what is randomised; under `stickiness: request` the caller passes the decision id
 * @param forcedIndex index of a variant, undefined where none is forced
 */
export function decide(snapshot: Snapshot, unit: string, forcedIndex: number | undefined): Choice {
  if (forcedIndex !== undefined) return certainChoice(snapshot, forcedIndex, "forced")
  const { experiment } = snapshot
  if (experiment.status !== "running") return snapshot.paused
  if (experiment.holdout > 0 && unitInterval(unit, snapshot.holdoutKey) < experiment.holdout) {
    return snapshot.holdout
  }
  return snapshot.drawn[assign(unit, snapshot.keys, snapshot.allocation)] as Choice
}
