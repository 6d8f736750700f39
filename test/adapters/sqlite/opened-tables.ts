import { onTestFinished } from "vitest"
import { Counters } from "#src/adapters/sqlite/counters.ts"
import { packBatch } from "#src/adapters/sqlite/packed-batch.ts"
import { openDatabase } from "#src/adapters/sqlite/schema.ts"
import { readGroups } from "#src/adapters/sqlite/stored-groups.ts"
import { Tables } from "#src/adapters/sqlite/tables.ts"
import { tidyUp } from "#src/adapters/sqlite/upkeep.ts"
import type { LogPosition } from "#src/domain/log-position.ts"
import type { FoldAnswer, FoldBatch } from "#src/ports/counter-store.ts"
import { place } from "#test/fold-batch.ts"
import { SharedClock } from "#test/shared-clock.ts"

/** What a fold adds, of any experiment; which log it comes from and where it ends is filled in. */
type Addition = Partial<Pick<FoldBatch, "experiment" | "log" | "counters" | "groups" | "sketches" | "rewards">>

/** The counters of a database file (or of none), in this thread and with a clock that is moved by hand. */
export function openTables({ path = ":memory:", clock = new SharedClock() } = {}) {
  const database = openDatabase(path, false)
  onTestFinished(() => {
    if (database.isOpen) database.close()
  })
  const tables = new Tables(database, clock)
  const counters = new Counters(tables)
  const ends = new Map<string, LogPosition>()
  const fold = (addition: Addition): FoldAnswer => {
    const { experiment = "banner-ctr", log = "L1" } = addition
    const name = `${experiment} ${log}`
    const from = ends.get(name)
    const end = place((from?.offset ?? 0) + 1)
    ends.set(name, end)
    const nothing = { counters: [], groups: [], sketches: [], rewards: [] }
    return counters.fold(packBatch({ ...nothing, ...addition, experiment, log, from, end }))
  }
  /** @returns how many steps it took */
  const tidy = (): number => Array.from(tidyUp(tables)).length
  const groups = () => readGroups(counters.groups("banner-ctr"))
  return { database, tables, counters, clock, fold, tidy, groups }
}
