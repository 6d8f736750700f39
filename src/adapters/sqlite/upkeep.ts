import { oldBefore, WIDTHS } from "../../domain/bucket-widths.ts"
import { DELAY_WINDOWS_KEPT, parseDelayMetric } from "../../domain/delay-counters.ts"
import type { Tables } from "./tables.ts"

/** Rows that are moved or deleted in one transaction: what a fold may have to wait for, some milliseconds. */
const AT_ONCE = 1_000

const LONGEST_BUCKET_SECONDS = Math.max(...WIDTHS)

/** The same for group rows and sketches, which are a thousand times as large. */
const BLOBS_AT_ONCE = 100

/**
 * Keeps the tables small: old counters, group rows and sketches become wider, delays that nobody looks back on and credits of dead tokens go. Each step is a transaction, and
 * between steps the thread is free for others.
 *
 * A wide bucket is made only once all of it is old enough, so that a decision doesn't become immature again.
 */
export function* tidyUp(tables: Tables): Generator<void> {
  tables.time.keep()
  tables.counters.forgetUnasked(tables.time.moment().settledSeconds)
  yield
  yield* widenCounters(tables)
  const { groups, sketches, credits, logs, time } = tables
  yield* untilDone(tables, () => groups.widen(time.moment().settledSeconds, BLOBS_AT_ONCE))
  yield* untilDone(tables, () => sketches.widen(time.moment().settledSeconds, BLOBS_AT_ONCE))
  yield* untilDone(tables, () => {
    const { trustedMs, passedMs } = time.moment()
    const before = Math.min(passedMs, logs.foldedTo(trustedMs)) / 1000
    return credits.purge(Math.floor(before), AT_ONCE) === AT_ONCE
  })
}

function* widenCounters(tables: Tables): Generator<void> {
  const { database, names, counters, resolutions, time } = tables
  const experiments = database.prepare("SELECT DISTINCT experiment FROM counter_names").all()
  for (const experiment of experiments.map((row) => String(row["experiment"]))) {
    for (const { id, metric } of names.of(experiment)) {
      const delay = parseDelayMetric(metric)
      if (delay !== undefined) {
        const keptSeconds = DELAY_WINDOWS_KEPT * delay.windowSeconds + LONGEST_BUCKET_SECONDS
        yield* untilDone(tables, () => counters.removeBefore(id, time.moment().settledSeconds - keptSeconds, AT_ONCE))
      }
      for (const step of resolutions.stepsOf(experiment)) {
        const widen = () => counters.widen(id, step.width, oldBefore(time.moment().settledSeconds, step), AT_ONCE)
        yield* untilDone(tables, widen)
      }
    }
  }
}

/** @param step one part of the work; says whether there may be more */
function* untilDone(tables: Tables, step: () => boolean): Generator<void> {
  for (let more = true; more; ) {
    more = tables.inTransaction(step)
    yield
  }
}
