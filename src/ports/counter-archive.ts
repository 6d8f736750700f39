import type { CounterCell } from "../domain/counter-table.ts"
import type { GroupRow } from "../domain/group-rows.ts"
import type { LogId, LogPosition } from "../domain/log-position.ts"

/** Where one log stands in the counters of one experiment. */
export interface StoredPosition {
  readonly experiment: string
  readonly log: LogId
  readonly position: LogPosition
}

/** Everything that a store holds of the counters. */
export interface ArchiveContents {
  readonly positions: readonly StoredPosition[]
  readonly cells: readonly CounterCell[]
  readonly groups: readonly (GroupRow & { readonly experiment: string })[]
}

/** Counters as a whole, beside `CounterStore`: what start and `rebuild` need. */
export interface CounterArchive {
  /** Where a log stands, by experiment. @throws GatewayError `store_unavailable` */
  positions(log: LogId): Promise<ReadonlyMap<string, LogPosition>>
  /** Counters, group rows and the positions that they stand for, read together. @throws GatewayError `store_unavailable` */
  contents(): Promise<ArchiveContents>
  /** Forgets counters, credits and positions in one step; experiments and state versions stay. @throws GatewayError `store_unavailable` */
  reset(): Promise<void>
}
