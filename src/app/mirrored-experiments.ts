import { GatewayError } from "../domain/errors.ts"
import type { ExperimentId } from "../domain/ids.ts"
import type { ExperimentStore, StoredRevision } from "../ports/experiment-store.ts"
import type { Logger } from "../ports/logger.ts"

/**
 * Experiments of a shared store, copied to one of this gateway's own: a start without the shared one serves what was published last, and a
 * shared store that was emptied gets back what the copy has. Authors write to the shared store alone.
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

  /** Gives the shared store what it has lost. */
  async function giveBack(known: ReadonlyMap<ExperimentId, number>): Promise<void> {
    await copying
    for (const { experiment, revision } of await own.newest()) {
      let after = known.get(experiment) ?? 0
      if (after >= revision) continue
      for (const lost of await own.history(experiment)) {
        if (lost.revision <= after) continue
        try {
          await shared.append(lost, after)
        } catch (error) {
          // Another gateway gives back the same.
          if (error instanceof GatewayError && error.code === "revision_conflict") break
          throw error
        }
        after = lost.revision
        logger.warn({ experiment, revision: after }, "a revision that the shared store had lost is given back")
      }
    }
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

  /** The shared store's newest revisions, once it has again what it lacks. */
  async function newest() {
    for (;;) {
      const found = await shared.newest()
      const known = new Map(found.map(({ experiment, revision }) => [experiment, revision]))
      const copied = await own.newest()
      if (copied.every(({ experiment, revision }) => (known.get(experiment) ?? 0) >= revision)) return found
      await giveBack(known)
    }
  }

  return {
    latest: () =>
      orOwn(async (store) => {
        if (store === own) return await own.latest()
        // A shared store that was restored from yesterday must not serve yesterday's documents.
        await newest()
        const latest = await shared.latest()
        keep(latest)
        return latest
      }),
    newest,
    history: (experiment) => orOwn((store) => store.history(experiment)),
    append: async (revision, after) => {
      await shared.append(revision, after)
      keep([revision])
    },
  }
}
