import type { Backlog } from "../../app/ship-log.ts"
import type { StreamCounts } from "../../domain/stream-counts.ts"

/** What the shipping thread is started with. */
export interface ShippingSettings {
  readonly dataDir: string
  readonly stream: string
  readonly logLevel: string
}

/** How the thread is. */
export interface ShippingState {
  readonly counts: StreamCounts
  readonly problem: string | undefined
  readonly backlog: Backlog
}

/** What the gateway does for the shipping thread. */
export interface GatewayFunctions {
  tell(state: ShippingState): void
  /** Writes a line of the operational log. */
  say(line: string): void
}

/** What the shipping thread does when it is told to. */
export interface ShippingFunctions {
  /** Sends what is in the logs now, for at most so many milliseconds, and lets go of all. */
  drain(withinMs: number): Promise<void>
}
