import { type Definitions, definitionsFrom } from "../domain/definitions.ts"
import { type Experiment, parseExperiment } from "../domain/experiment.ts"
import {
  firstLineage,
  type Lineage,
  nextLineage,
  type PreviousRevision,
  type SeriesStep,
  type SeriesWishes,
  seriesSteps,
} from "../domain/series.ts"
import type { StoredRevision } from "../ports/experiment-store.ts"
import { replacedModels } from "./revision-content.ts"

/** What the statistics of a revision are filed under, and what that does to those of the variants before. */
export interface LineageStep {
  readonly lineage: Lineage
  readonly steps: readonly SeriesStep[]
}

/**
 * What the statistics of the next revision are filed under.
 *
 * A variant whose model was replaced under the same name starts a series, as one with another backend does.
 *
 * @param before undefined for the first revision of an experiment
 * @param now epoch milliseconds
 */
export function lineageAfter(
  before: StoredRevision | undefined,
  experiment: Experiment,
  models: StoredRevision["models"],
  now: number,
  asked: Pick<SeriesWishes, "reset" | "keep"> = {},
): LineageStep {
  const replaced = new Set(before === undefined ? [] : replacedModels(before.models, models))
  const wishes = { ...asked, replaced }
  const previous = before === undefined ? NOTHING_BEFORE : previousRevision(before)
  const lineage = before === undefined ? firstLineage(experiment) : nextLineage(previous, experiment, now, wishes)
  return { lineage, steps: seriesSteps(previous, experiment, wishes) }
}

const NOTHING_BEFORE: PreviousRevision = { experiment: null, lineage: { series: {}, epoch: 0, metrics: {} } }

/** A stored revision as the rules of series see it. */
export function previousRevision(stored: StoredRevision): PreviousRevision {
  return { experiment: storedExperiment(stored), lineage: stored.lineage }
}

/** What rewards mean for every revision of a history whose tokens may still live. @param now epoch milliseconds */
export function definitionsOf(history: readonly StoredRevision[], now: number): Definitions {
  const published = history.map((stored) => {
    return {
      revision: stored.revision,
      experiment: storedExperiment(stored),
      epoch: stored.lineage.epoch,
      at: stored.at,
    }
  })
  return definitionsFrom(published, now)
}

/** Null where the experiment was removed, or where an earlier version took a document that this one refuses. */
export function storedExperiment({ document }: Pick<StoredRevision, "document">): Experiment | null {
  if (document === null) return null
  const parsed = parseExperiment(document)
  return parsed.ok ? parsed.experiment : null
}
