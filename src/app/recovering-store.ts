import type { CounterStore } from "../ports/counter-store.ts"
import type { ExperimentStore } from "../ports/experiment-store.ts"
import type { FoldMarkStore } from "../ports/fold-marks.ts"

/** A counter store that takes no folds until it has caught up with the log of earlier starts. */
export interface RecoveringStore extends CounterStore {
  readonly recovered: boolean
  /** Catches up, once; every call waits for the one that is under way. @throws what kept it from that; the next call tries again */
  recover(): Promise<void>
}

/**
 * Guards a store whose disk may be full at the start: the gateway serves, and what it logs meanwhile is folded only after what was logged
 * before.
 *
 * @param catchUp folds the log up to where this process began to append
 */
export function createRecoveringStore(store: CounterStore, catchUp: () => Promise<unknown>): RecoveringStore {
  let recovered = false
  let underWay: Promise<void> | undefined

  async function run(): Promise<void> {
    try {
      await catchUp()
      recovered = true
    } finally {
      underWay = undefined
    }
  }

  async function recover(): Promise<void> {
    if (recovered) return
    underWay ??= run()
    await underWay
  }

  return {
    get recovered() {
      return recovered
    },
    recover,
    fold: async (batch) => {
      if (!recovered) await recover()
      return await store.fold(batch)
    },
    seen: (keys) => store.seen(keys),
    statistics: (experiment, query) => store.statistics(experiment, query),
    groups: (experiment) => store.groups(experiment),
    calls: (experiment) => store.calls(experiment),
    keep: (experiment, resolution) => store.keep(experiment, resolution),
    // What is folded says nothing yet of what was logged before.
    alive: (log, foldedTo) => store.alive(log, recovered ? foldedTo : 0),
    synced: async (experiment) => await store.synced?.(experiment),
    close: () => store.close(),
  }
}

/**
 * Guards the marks of how far the log is folded: none is saved before the log of earlier starts is, which the fold loop knows nothing of. The
 * next start would leave it out.
 */
export function createRecoveringMarks(
  marks: FoldMarkStore,
  recovering: Pick<RecoveringStore, "recovered">,
): FoldMarkStore {
  return {
    load: () => marks.load(),
    save: async (next) => {
      if (recovering.recovered) await marks.save(next)
    },
  }
}

/**
 * Guards experiments whose last revisions may be in the log alone: none is appended before they are back, so that no number is given twice.
 * What is stored can be read all the same, so that it can be served.
 */
export function createRecoveringExperiments(
  store: ExperimentStore,
  recovering: Pick<RecoveringStore, "recover" | "recovered">,
): ExperimentStore {
  return {
    latest: async () => {
      const [caughtUp] = await Promise.allSettled([recovering.recover()])
      const latest = await store.latest()
      // A store without a single revision may be one that was lost.
      if (caughtUp.status === "rejected" && latest.length === 0) throw caughtUp.reason
      return latest
    },
    newest: () => store.newest(),
    history: (experiment) => store.history(experiment),
    append: async (revision, after) => {
      await recovering.recover()
      await store.append(revision, after)
    },
  }
}
