import type { CounterContents, StoredPosition } from "../domain/counter-contents.ts"
import type { RewardEvent } from "../domain/events.ts"
import type { LogId, LogPosition } from "../domain/log-position.ts"

export type { CounterContents, StoredPosition }

/** Contents as `encodeContents` writes them, in UTF-8, a line feed between each two lines; and the positions among them. */
export interface PackedContents {
  readonly positions: readonly StoredPosition[]
  readonly bytes: Uint8Array
}

/** Counters as a whole, beside `CounterStore`: what start, checkpoints and `rebuild` need. */
export interface CounterArchive {
  /** Where a log stands, by experiment. @throws GatewayError `store_unavailable` */
  positions(log: LogId): Promise<ReadonlyMap<string, LogPosition>>
  /** Counters, group rows, sketches and the positions that they stand for, read together. @throws GatewayError `store_unavailable` */
  contents(): Promise<CounterContents>
  /** The same as bytes, which are handed over quickly where a hundred thousand objects are not. @throws GatewayError `store_unavailable` */
  pack(): Promise<PackedContents>
  /** Forgets counters, credits and positions in one step; experiments and state versions stay. @throws GatewayError `store_unavailable` */
  reset(): Promise<void>
  /** Puts contents into a store that was reset, in one step. It knows no credits then: `remember` brings them back. @throws GatewayError `store_unavailable` */
  restore(contents: CounterContents): Promise<void>
  /** Adds rewards to their credits and nothing to the counters, which have them already. @throws GatewayError `store_unavailable` */
  remember(rewards: readonly RewardEvent[]): Promise<void>
}
