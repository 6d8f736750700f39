import { GatewayError } from "../domain/errors.ts"
import type { ExperimentStore, StoredRevision } from "../ports/experiment-store.ts"
import type { Logger } from "../ports/logger.ts"

/**
 * Experiments of a shared store, copied to one of this gateway's own: a start without the shared one serves what was published last. Only the
 * shared store is ever written to by an author.
 */
export function createMirroredExperiments(
  shared: ExperimentStore,
  own: ExperimentStore,
  logger: Logger,
): ExperimentStore {
  /** Revisions that go to the copy one after the other. */
  let copying: Promise<void> = Promise.resolve()

  async function copy(revisions: readonly StoredRevision[]): Promise<void> {
    const known = new Map((await own.newest()).map(({ experiment, revision }) => [experiment, revision]))
    for (const revision of revisions) {
      const after = known.get(revision.experiment) ?? 0
      if (revision.revision > after) await own.append(revision, after)
    }
  }

  function keep(revisions: readonly StoredRevision[]): void {
    copying = copying
      .then(() => copy(revisions))
      .catch((error: unknown) => {
        logger.warn({ error: String(error) }, "revisions can't be copied to the data folder")
      })
  }

  /** What the copy says while the shared store can't be asked. */
  async function orOwn<T>(ask: (store: ExperimentStore) => Promise<T>): Promise<T> {
    try {
      return await ask(shared)
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== "store_unavailable") throw error
      await copying
      return await ask(own)
    }
  }

  return {
    latest: () =>
      orOwn(async (store) => {
        const latest = await store.latest()
        if (store === shared) keep(latest)
        return latest
      }),
    newest: () => shared.newest(),
    history: (experiment) => orOwn((store) => store.history(experiment)),
    append: async (revision, after) => {
      await shared.append(revision, after)
      keep([revision])
    },
  }
}
