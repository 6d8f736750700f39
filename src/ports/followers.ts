import type { LogPosition } from "./outcome-log.ts"

/** Whoever follows the outcome log and wants its files kept until they were taken. */
export interface Follower {
  readonly name: string
  /** Up to where it has taken each log, by its thread; one that isn't there: nothing yet, or its cursor can't be read. */
  readonly positions: ReadonlyMap<number, LogPosition>
}

export interface Followers {
  /** @throws GatewayError `log_unavailable` when they can't be listed */
  list(): Promise<readonly Follower[]>
}
