import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { logFolders } from "#src/adapters/ndjson/log-folders.ts"
import { createOutcomeReader } from "#src/adapters/ndjson/outcome-reader.ts"
import { check } from "#src/app/rebuild.ts"
import { isCallMetric } from "#src/domain/call-counters.ts"
import { DECISIONS } from "#src/domain/counters.ts"
import { parseOutcomeLine } from "#src/domain/outcome-line.ts"
import type { CounterArchive } from "#src/ports/counter-archive.ts"
import type { CounterStore } from "#src/ports/counter-store.ts"
import type { Observed, ObservedEvent } from "./reconcile.ts"

/** What is left of gateways that have ended: in the logs of their data folders, and in the store that they counted in. */
export async function observe(
  dataDirs: readonly string[],
  store: CounterStore & CounterArchive,
): Promise<Pick<Observed, "events" | "counters"> & { readonly checked: Awaited<ReturnType<typeof check>> }> {
  const logs = (await Promise.all(dataDirs.map((dataDir) => logFolders(dataDir)))).flat()
  const readers = logs.map(({ folder }) => createOutcomeReader(folder))
  const checked = await check({ readers, archive: store, now: Date.now() }, () => {})
  const counters = { decisions: 0, rewards: 0, sum: 0n }
  for (const { metric, count, sum } of (await store.contents()).cells) {
    if (metric === DECISIONS) counters.decisions += count
    else if (!isCallMetric(metric)) counters.rewards += count
    counters.sum += sum
  }
  return { checked, counters, events: dataDirs.flatMap((dataDir) => loggedIn(join(dataDir, "outcomes"))) }
}

function loggedIn(folder: string): ObservedEvent[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ndjson"))
    .toSorted()
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n").slice(0, -1))
    .flatMap(observedIn)
}

/** Of millions of events no more is kept than is compared. */
function observedIn(line: string): ObservedEvent | [] {
  const event = parseOutcomeLine(line)
  if (event === undefined) return []
  return { type: event.type, eventId: event.eventId, decisionId: "decisionId" in event ? event.decisionId : undefined }
}
