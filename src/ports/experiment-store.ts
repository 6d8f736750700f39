import type { HeldStatus, RevisionSource } from "../domain/events.ts"
import type { ExperimentId } from "../domain/ids.ts"
import type { Lineage } from "../domain/series.ts"

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
  /** What the experiment's statistics are filed under from this revision on; after a removal what it was before. */
  readonly lineage: Lineage
  /** What its author said about it. */
  readonly reason?: string
  /** The status that a pause over the API holds back, until it is resumed; absent where nothing is held. */
  readonly held?: HeldStatus
}

/**
 * Experiments and their revisions, possibly shared by several gateways. Every method may throw GatewayError `store_unavailable`, retryable:
 * what was to be appended may or may not be there then.
 */
export interface ExperimentStore {
  /** The newest revision of every experiment, removed ones included. */
  latest(): Promise<readonly StoredRevision[]>
  /** Its number alone: whether another gateway has published is asked often. */
  newest(): Promise<readonly { readonly experiment: ExperimentId; readonly revision: number }[]>
  /** All revisions of one experiment, oldest first; none for one that there never was. */
  history(experiment: ExperimentId): Promise<readonly StoredRevision[]>
  /**
   * Appends a revision where `after` is still the newest; durable when it settles. Numbers may leave gaps.
   *
   * @param after revision that it replaces; 0 where there is none
   * @throws GatewayError `revision_conflict` when another is the newest: nothing was written; `internal` when it isn't greater than `after`
   */
  append(revision: StoredRevision, after: number): Promise<void>
}
