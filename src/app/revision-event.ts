import type { ExperimentEvent } from "../domain/events.ts"
import { parseExperimentId } from "../domain/experiment.ts"
import type { StoredRevision } from "../ports/experiment-store.ts"

/** The same revision is the same event, whoever logs it and however often. */
export function toEvent(stored: StoredRevision): ExperimentEvent {
  const { experiment, revision, at, actor, source, diff, models, lineage, document } = stored
  return {
    v: 1,
    type: "experiment",
    eventId: `e-${experiment}-${revision}`,
    at: new Date(at).toISOString(),
    experiment,
    revision,
    actor,
    source,
    diff,
    models,
    lineage,
    ...saidOf(stored),
    document,
  }
}

/** The revision that an event of the log tells of; undefined where it lacks what a revision needs. */
export function fromEvent(event: ExperimentEvent): StoredRevision | undefined {
  const { revision, actor, source, diff, models, lineage, document } = event
  const experiment = parseExperimentId(event.experiment)
  const at = Date.parse(event.at)
  if (experiment === undefined || !Number.isSafeInteger(revision) || revision < 1) return undefined
  if (!Number.isFinite(at) || document === undefined) return undefined
  return { experiment, revision, at, document, actor, source, diff, models, lineage, ...saidOf(event) }
}

/** What may be left out of a revision. */
function saidOf({ reason, held }: Pick<StoredRevision, "reason" | "held">): Pick<StoredRevision, "reason" | "held"> {
  return { ...(reason === undefined ? {} : { reason }), ...(held === undefined ? {} : { held }) }
}
