import { GatewayError } from "../domain/errors.ts"
import { LAPSED_AFTER_MS, type LogPosition } from "../domain/log-position.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterArchive } from "../ports/counter-archive.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { Logger } from "../ports/logger.ts"
import type { SharedCounters } from "../ports/shared-counters.ts"
import { catchUp, type FoldedLog, type Progress, type Stand } from "./catch-up.ts"
import { partsOf } from "./log-parts.ts"
import type { RestoreRevisions } from "./restore-revisions.ts"
import { bringBack, type OwnLog } from "./restore-shared.ts"

/**
 * Counts what is in the logs of gateways that are gone and not in the counters that others share: from where those stand in each log. Nothing is
 * reset, and gateways may run beside.
 *
 * @throws GatewayError `config_invalid` for a log that was silent for so long that its rewards can't be told from repeated ones,
 *         `store_unavailable`, `log_unavailable`
 */
export async function countGoneLogs(
  deps: {
    readonly logs: readonly OwnLog[]
    readonly store: CounterStore & CounterArchive & SharedCounters
    readonly clock: Pick<Clock, "now">
    readonly logger: Logger
    /** Gets the configuration changes of what is folded, before its counters are. */
    readonly restore?: RestoreRevisions
  },
  progress: Progress,
): Promise<FoldedLog> {
  const { logs, store, clock, restore } = deps
  const losses = await store.losses()
  if (losses.length > 0) await bringBack(losses, deps)
  const total = { events: 0, skipped: 0 }
  for (const { reader, span, until } of await partsOf(logs.map((log) => log.reader))) {
    if ((await store.alive(span.id, 0)).lapsed) {
      throw new GatewayError("config_invalid", {
        detail: `the log ${span.id} was silent for more than a week: stop the gateways, and make the counters anew with rebuild --log`,
      })
    }
    const stands = standsAt(await store.positions(span.id))
    const others = { readFrom: span.since, position: undefined }
    const report = (folded: FoldedLog): void =>
      progress({ events: total.events + folded.events, skipped: total.skipped + folded.skipped })
    const folded = await catchUp({ reader, store, log: span.id, stands, others, until, restore }, report)
    total.events += folded.events
    total.skipped += folded.skipped
    // Nothing more comes of it: what waits for all logs needn't wait for this one.
    await store.alive(span.id, clock.now() + LAPSED_AFTER_MS)
  }
  // Whoever has nothing more to wait for is whole from now on.
  await store.losses()
  return total
}

function standsAt(positions: ReadonlyMap<string, LogPosition>): Map<string, Stand> {
  return new Map(Array.from(positions, ([experiment, position]) => [experiment, { readFrom: position, position }]))
}
