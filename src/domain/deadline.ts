import type { Experiment } from "./experiment.ts"

/** Less than this leaves no backend a chance. */
const SHORTEST_MS = 5
/** What any caller may ask for, however short its experiment's own deadline is. */
const LONGEST_ASKED_MS = 2000

/**
 * How long a whole request may take, milliseconds.
 *
 * @param askedMs what the caller asked for, clamped to 5 and to the larger of 2,000 and the experiment's own; undefined: the experiment's own
 */
export function requestDeadlineMs({ deadlineMs }: Pick<Experiment, "deadlineMs">, askedMs: number | undefined): number {
  if (askedMs === undefined) return deadlineMs
  return Math.min(Math.max(deadlineMs, LONGEST_ASKED_MS), Math.max(SHORTEST_MS, askedMs))
}
