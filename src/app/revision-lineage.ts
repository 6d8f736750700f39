import { type Definitions, definitionsFrom } from "../domain/definitions.ts"
import { type Experiment, parseExperiment } from "../domain/experiment.ts"
import { firstLineage, type Lineage, NO_LINEAGE, nextLineage } from "../domain/series.ts"
import type { StoredRevision } from "../ports/experiment-store.ts"

/**
 * What the statistics of the next revision are filed under.
 *
 * A variant whose model was replaced under the same name starts a series, as one with another backend does.
 *
 * @param before undefined for the first revision of an experiment
 * @param experiment null: it is removed, and comes back with what it left
 */
export function lineageAfter(
  before: StoredRevision | undefined,
  experiment: Experiment | null,
  models: StoredRevision["models"],
): Lineage {
  if (experiment === null) return before?.lineage ?? NO_LINEAGE
  if (before === undefined) return firstLineage(experiment)
  const replaced = Object.keys(models).filter((id) => {
    return before.models[id] !== undefined && before.models[id] !== models[id]
  })
  return nextLineage({ experiment: storedExperiment(before), lineage: before.lineage }, experiment, new Set(replaced))
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
