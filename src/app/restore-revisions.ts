import { GatewayError } from "../domain/errors.ts"
import type { ExperimentEvent } from "../domain/events.ts"
import type { ExperimentStore } from "../ports/experiment-store.ts"
import type { Logger } from "../ports/logger.ts"
import { fromEvent } from "./revision-event.ts"

/** Gives a store the revisions that a part of the log tells of and it has not. @throws GatewayError `store_unavailable` */
export type RestoreRevisions = (events: readonly ExperimentEvent[]) => Promise<void>

/**
 * Folds revisions from the outcome log, like everything else: a store that was lost, or restored from yesterday, would give their numbers and
 * event ids to other documents. Call it with the log's events in order; one that the store has already changes nothing.
 */
export function createRestoreRevisions(store: ExperimentStore, logger: Logger): RestoreRevisions {
  let newest: Map<string, number> | undefined

  async function readNewest(): Promise<Map<string, number>> {
    return new Map((await store.newest()).map(({ experiment, revision }) => [experiment, revision]))
  }

  return async (events) => {
    for (const event of events) {
      const revision = fromEvent(event)
      newest ??= await readNewest()
      const after = newest.get(event.experiment) ?? 0
      if (revision === undefined || revision.revision <= after) continue
      try {
        await store.append(revision, after)
        newest.set(revision.experiment, revision.revision)
        const { experiment } = revision
        logger.warn(
          { experiment, revision: revision.revision },
          "a revision that the store lacked is taken from the log",
        )
      } catch (error) {
        if (!(error instanceof GatewayError) || error.code !== "revision_conflict") throw error
        // Another gateway over the same store was first.
        newest = await readNewest()
      }
    }
  }
}
