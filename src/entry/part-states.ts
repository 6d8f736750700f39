import type { Served } from "../app/served-experiments.ts"
import type { TargetGuard } from "../app/target-guard.ts"
import type { PartState, PartStates } from "../http/routes/health.ts"
import type { RecordingState } from "./recording.ts"

/** What `/readyz` is made from, besides what recording says. */
export interface ServedState {
  readonly draining: boolean
  /** Experiments that are served. */
  readonly served: number
  /** Problems in the documents. */
  readonly problems: number
  /** Why a key isn't kept yet. */
  readonly keyProblem: string | undefined
  /** Undefined: no stream. */
  readonly stream: PartState | undefined
  /** The store that gateways share, where there is one. */
  readonly shared: PartState | undefined
}

/** The parts of the gateway as `/readyz` shows them. */
export function partStates(state: ServedState, recording: RecordingState): PartStates {
  const { served, problems, keyProblem, shared, stream } = state
  const { logFails, droppedLines, storeFails, failedFolds, recovered } = recording
  return {
    server: serverState(state.draining),
    experiments: {
      ready: problems === 0,
      required: false,
      detail: problems === 0 ? `${served} served` : `${problems} problems in the documents`,
    },
    outcomeLog: { ready: !logFails, required: false, detail: `${droppedLines} lines dropped` },
    counters: {
      ready: recovered && !storeFails,
      required: false,
      detail: recovered ? `${failedFolds} failed folds` : "not caught up with the outcome log yet",
    },
    ...(shared === undefined ? {} : { redis: shared }),
    ...(keyProblem === undefined ? {} : { keys: { ready: false, required: false, detail: keyProblem } }),
    ...(stream === undefined ? {} : { stream }),
  }
}

/** More of them than anybody reads in one line. */
const MOST_SENTENCES = 10

/** The targets that are called, where there are any. Without them fallbacks answer: none keeps the gateway from being ready. */
export function targetsState(guards: readonly TargetGuard[]): PartStates {
  if (guards.length === 0) return {}
  const failing = guards.filter((guard) => guard.failing.length > 0)
  const reasons = failing.map(({ name, failing: models }) => {
    const why = new Set(models.map(({ lastFailure }) => lastFailure))
    return `${name} fails for ${models.length} of its models (${[...why].join("; ")})`
  })
  const detail = failing.length === 0 ? `${guards.length} answer` : reasons.join(", ")
  return { targets: { ready: failing.length === 0, required: false, detail } }
}

/** Whether models elsewhere are what documents declare, as far as their servers say. One that isn't may answer all the same. */
export function modelsState(served: readonly Pick<Served, "snapshot" | "endpoints">[]): PartStates {
  const known = served.flatMap(({ snapshot, endpoints }) =>
    snapshot.experiment.variants.flatMap(({ id }, index) => {
      const description = endpoints[index]?.description?.()
      return description === undefined ? [] : [{ name: `${snapshot.experiment.id}/${id}`, ...description }]
    }),
  )
  if (known.length === 0) return {}
  const unfit = known.filter(({ misfits }) => misfits.length > 0)
  const sentences = [
    ...unfit.flatMap(({ name, misfits }) => misfits.map(({ pointer, detail }) => `${name}: ${pointer} ${detail}`)),
    ...known.flatMap(({ name, unread }) => (unread === undefined ? [] : [`${name}: ${unread}`])),
  ]
  const shown = sentences.slice(0, MOST_SENTENCES)
  const more = sentences.length - shown.length
  const detail = sentences.length === 0 ? `${known.length} as declared` : shown.join("; ")
  return {
    models: { ready: unfit.length === 0, required: false, detail: more === 0 ? detail : `${detail}; and ${more} more` },
  }
}

export function serverState(draining: boolean): PartState {
  return { ready: !draining, required: true, ...(draining ? { detail: "draining" } : {}) }
}

/** Whether anything of a thread's recording can't be written now. */
export function recordingFails({ logFails, storeFails, recovered }: RecordingState): boolean {
  return logFails || storeFails || !recovered
}

/** Several threads' recording as one. */
export function recordingOfAll(states: readonly RecordingState[]): RecordingState {
  const sum = (read: (state: RecordingState) => number) => states.reduce((total, state) => total + read(state), 0)
  return {
    logFails: states.some(({ logFails }) => logFails),
    droppedLines: sum(({ droppedLines }) => droppedLines),
    storeFails: states.some(({ storeFails }) => storeFails),
    failedFolds: sum(({ failedFolds }) => failedFolds),
    recovered: states.every(({ recovered }) => recovered),
  }
}
