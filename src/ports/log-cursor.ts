import type { LogPosition } from "../domain/log-position.ts"

/** Up to where a follower has taken the log. Kept by whoever follows, across restarts. */
export interface LogCursor {
  /** Undefined: nothing was taken yet. @throws GatewayError `store_unavailable` */
  load(): Promise<LogPosition | undefined>
  /** Durable when it settles. @throws GatewayError `store_unavailable` */
  save(position: LogPosition): Promise<void>
}
