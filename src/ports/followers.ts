import type { LogPosition } from "./outcome-log.ts"

/** Whoever follows the outcome log and wants its files kept until they were taken. */
export interface Follower {
  readonly name: string
  /** Up to where it has taken the log; undefined: nothing yet, or its cursor can't be read. */
  readonly position: LogPosition | undefined
}

export interface Followers {
  /** @throws GatewayError `log_unavailable` when they can't be listed */
  list(): Promise<readonly Follower[]>
}
