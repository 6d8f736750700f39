import { type Definitions, definitionsFrom } from "../domain/definitions.ts"
import { type Experiment, parseExperiment } from "../domain/experiment.ts"
import { firstLineage, type Lineage, nextLineage } from "../domain/series.ts"
import type { StoredRevision } from "../ports/experiment-store.ts"
import { replacedModels } from "./revision-content.ts"

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
): Lineage {
  if (before === undefined) return firstLineage(experiment)
  const replaced = new Set(replacedModels(before.models, models))
  return nextLineage({ experiment: storedExperiment(before), lineage: before.lineage }, experiment, now, replaced)
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
function storedExperiment({ document }: StoredRevision): Experiment | null {
  if (document === null) return null
  const parsed = parseExperiment(document)
  return parsed.ok ? parsed.experiment : null
}
