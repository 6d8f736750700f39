import type { SeriesStep } from "../domain/series.ts"
import type { StoredRevision } from "../ports/experiment-store.ts"

/** What an audit line says of a revision, whatever became of it. */
export function recordOf({ actor, document, experiment, revision }: StoredRevision) {
  const action = document === null ? "experiment.remove" : "experiment.publish"
  return { actor, action, subject: experiment, revision }
}

/** Series that somebody began anew or kept: the document doesn't tell. */
export function wishesOf(steps: readonly SeriesStep[]): string[] {
  return steps
    .filter(({ why }) => why === "reset" || why === "kept_on_request")
    .map(({ variant, before, after, why }) => `series.${variant}: ${before} -> ${after} (${why})`)
}
