/**
 * How long a turn's lines wait until they are written: 12 lines a millisecond, with another file every MiB and with one file alone, in turns.
 * Those turns that changed to another file are also shown by themselves. Prints figures; asserts none.
 *
 *   npm run bench:log -- [--turns 4000] [--rounds 2]
 */
import { mkdtemp, rm } from "node:fs/promises"
import { cpus, tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { parseArgs } from "node:util"
import { openOutcomeLog } from "#src/adapters/ndjson/outcome-log.ts"

const LINES_PER_TURN = 12
const LINE = "x".repeat(631)
const TURN_MS = 1

/** @returns milliseconds that each turn's lines waited, and those of turns that changed to another file */
async function waitsOf(maxFileBytes: number, turns: number) {
  const folder = await mkdtemp(join(tmpdir(), "bandit-gateway-log-"))
  const logger = { info: () => {}, warn: console.warn, error: console.error }
  const log = await openOutcomeLog({ folder, logger, maxFileBytes })
  const all: number[] = []
  const changes: number[] = []
  let file = 1
  for (let turn = 0; turn < turns; turn++) {
    const startedMs = performance.now()
    for (let line = 1; line < LINES_PER_TURN; line++) log.append(LINE)
    const end = await log.append(LINE).written
    const waitedMs = performance.now() - startedMs
    all.push(waitedMs)
    if (end?.file !== file) changes.push(waitedMs)
    file = end?.file ?? file
    await wait(TURN_MS)
  }
  await log.close()
  await rm(folder, { recursive: true })
  return { all, changes }
}

function figures(waits: readonly number[]) {
  const sorted = waits.toSorted((a, b) => a - b)
  const at = (share: number) => Number((sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN).toFixed(2))
  return { turns: sorted.length, "p50 ms": at(0.5), "p99 ms": at(0.99), "p99.9 ms": at(0.999), "longest ms": at(1) }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { turns: { type: "string", default: "4000" }, rounds: { type: "string", default: "2" } },
  })
  const turns = Number(values.turns)
  const rows: object[] = []
  for (let round = 0; round < Number(values.rounds); round++) {
    const one = await waitsOf(1 << 30, turns)
    const many = await waitsOf(1 << 20, turns)
    rows.push({ what: "one file", ...figures(one.all) })
    rows.push({ what: "a file every MiB", ...figures(many.all) })
    rows.push({ what: "of these, changes", ...figures(many.changes) })
  }
  console.log(`${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model ?? "unknown"}, Node ${process.version}`)
  console.table(rows)
}

await main()
