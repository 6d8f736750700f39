import type { ExperimentId } from "../domain/ids.ts"

/** One published document. Revisions of an experiment rise from 1 and are never reused; `document` is null when it was removed. */
export interface StoredRevision {
  readonly experiment: ExperimentId
  readonly revision: number
  readonly document: unknown
  /** Epoch milliseconds. */
  readonly at: number
}

/** Experiments and their revisions. */
export interface ExperimentStore {
  /** The newest revision of every experiment, removed ones included. */
  latest(): Promise<readonly StoredRevision[]>
  /** Appends a revision; durable when it settles. @throws GatewayError `store_unavailable` */
  append(revision: StoredRevision): Promise<void>
}
