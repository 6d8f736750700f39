import type { RevisionSource } from "../domain/events.ts"
import type { ExperimentId } from "../domain/ids.ts"

/** One published document. Revisions of an experiment rise from 1 and are never reused; `document` is null when it was removed. */
export interface StoredRevision {
  readonly experiment: ExperimentId
  readonly revision: number
  readonly document: unknown
  /** Epoch milliseconds. */
  readonly at: number
  readonly source: RevisionSource
  /** Who made it: a person, a key, a folder. */
  readonly actor: string
  /** What changed since the revision before, one line a path. */
  readonly diff: readonly string[]
  /** SHA-256 of each variant's model where it is known, by variant id. */
  readonly models: Readonly<Record<string, string>>
}

/** Experiments and their revisions. */
export interface ExperimentStore {
  /** The newest revision of every experiment, removed ones included. */
  latest(): Promise<readonly StoredRevision[]>
  /** Appends a revision; durable when it settles. @throws GatewayError `store_unavailable` */
  append(revision: StoredRevision): Promise<void>
}
