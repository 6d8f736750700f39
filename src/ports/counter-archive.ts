import type { CounterCell } from "../domain/counter-table.ts"
import type { LogPosition } from "../domain/log-position.ts"

/** Counters as a whole, beside `CounterStore`: what start and `rebuild` need to make them equal the log again. */
export interface CounterArchive {
  /** Up to where the log has been folded; undefined when nothing has. @throws GatewayError `store_unavailable` */
  position(): Promise<LogPosition | undefined>
  /** Every counter and the position that they stand for, read together. @throws GatewayError `store_unavailable` */
  contents(): Promise<{ readonly position: LogPosition | undefined; readonly cells: readonly CounterCell[] }>
  /** Forgets counters, credits and position in one step; experiments and state versions stay. @throws GatewayError `store_unavailable` */
  reset(): Promise<void>
}
