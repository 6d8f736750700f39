import type { DatabaseSync } from "node:sqlite"
import type { Clock } from "../../ports/clock.ts"
import { CounterNames } from "./counter-names.ts"
import { CounterRows } from "./counter-rows.ts"
import { CreditTable } from "./credit-table.ts"
import { GroupStore } from "./group-store.ts"
import { LogTable } from "./log-table.ts"
import { Resolutions } from "./resolutions.ts"
import { inTransaction } from "./schema.ts"
import { Sketches } from "./sketches.ts"
import { StoreTime } from "./store-time.ts"

/** The tables of the counters, and the clock that they go by. */
export class Tables {
  readonly database: DatabaseSync
  readonly names: CounterNames
  readonly counters: CounterRows
  readonly groups: GroupStore
  readonly sketches: Sketches
  readonly credits: CreditTable
  readonly logs: LogTable
  readonly resolutions: Resolutions
  readonly time: StoreTime

  constructor(database: DatabaseSync, clock: Clock) {
    this.database = database
    this.names = new CounterNames(database)
    this.counters = new CounterRows(database)
    this.groups = new GroupStore(database, this.names)
    this.sketches = new Sketches(database)
    this.credits = new CreditTable(database)
    this.logs = new LogTable(database)
    this.resolutions = new Resolutions(database)
    this.time = new StoreTime(database, clock)
  }

  /** Runs `work` in one transaction. What is remembered of the tables goes with it where it fails. */
  inTransaction<T>(work: () => T): T {
    try {
      return inTransaction(this.database, work)
    } catch (error) {
      this.forget()
      throw error
    }
  }

  forget(): void {
    this.names.forget()
    this.counters.forget()
  }
}
