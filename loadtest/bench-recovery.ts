/**
 * How long a gateway takes to come back over a log of a million events: counters made anew in SQLite and in Redis (`rebuild`), and starts over a log
 * that was damaged, one kind of damage after the other. Prints figures; asserts none.
 *
 *   npm run bench:recovery -- [--events 1000000] [--only rebuilds|starts] [--seed n] [--json]
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { parseArgs } from "node:util"
import seedrandom from "seedrandom"
import { rebuild } from "#src/cli/rebuild.ts"
import { writeEvaluationLog } from "./evaluation-log.ts"
import { startRedisProcess } from "./redis-process.ts"
import { freePort } from "./server-process.ts"

/** Rewards for each decision of the log. */
const REWARD_SHARE = 0.022
const POLL_MS = 20
const SERVER_CORE = 0
const OTHER_CORE = 1
/** Nobody listens there. */
const NOBODY = "redis://127.0.0.1:1"
const KEYS = { SIGNING_KEYS: `k1:${"A".repeat(43)}`, UNIT_KEY: "B".repeat(43) }

const SILENT = { write: () => {} }

type Random = () => number

/** What is done to a folder before a start. */
interface Damage {
  readonly what: string
  readonly settings?: Readonly<Record<string, string>>
  readonly strike: (dataDir: string, random: Random) => void
}

const DAMAGES: readonly Damage[] = [
  // Whoever doesn't know how far the log is folded looks through all of it.
  { what: "nothing: the first start over this log", strike: () => {} },
  { what: "fold-marks.json is gone", strike: (dataDir) => rmSync(join(dataDir, "fold-marks.json"), { force: true }) },
  { what: "all counters are gone", strike: (dataDir) => rmDatabase(dataDir) },
  { what: "nothing", strike: () => {} },
  { what: "Redis can't be reached", settings: { ...KEYS, REDIS_URL: NOBODY }, strike: () => {} },
  { what: "the last line is torn", strike: (dataDir) => cut(dataDir, 20) },
  { what: "a bit of the last line is flipped", strike: (dataDir) => flip(last(dataDir), -20) },
  {
    what: "a bit somewhere is flipped",
    strike: (dataDir, random) => flip(files(dataDir)[1] ?? last(dataDir), Math.floor(random() * 1e6)),
  },
  {
    what: "the last file ends at any byte",
    strike: (dataDir, random) => cut(dataDir, Math.floor(random() * statSync(last(dataDir)).size)),
  },
  { what: "a file in the middle is gone", strike: (dataDir) => rmSync(files(dataDir)[3] ?? last(dataDir)) },
]

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      events: { type: "string", default: "1000000" },
      only: { type: "string" },
      seed: { type: "string", default: "recovery" },
      json: { type: "boolean", default: false },
    },
  })
  const { events, only, seed, json } = values
  if (only !== undefined && only !== "rebuilds" && only !== "starts") {
    throw new Error(`--only is rebuilds or starts, not ${only}`)
  }
  const dataDir = mkdtempSync(join(tmpdir(), "bandit-gateway-recovery-"))
  try {
    const decisions = Math.round(Number(events) / (1 + REWARD_SHARE))
    const bytes = writeEvaluationLog(join(dataDir, "outcomes"), decisions, seed)
    console.log(`a log of ${(bytes / 1e6).toFixed(0)} MB`)
    const rebuilds = only === "starts" ? [await rebuilt(dataDir, {})] : await rebuildBoth(dataDir)
    const starts = only === "rebuilds" ? [] : await startDamaged(dataDir, seedrandom(seed))
    if (json) console.log(JSON.stringify({ rebuilds, starts }))
    else for (const table of [rebuilds, starts]) if (table.length > 0) console.table(table)
  } finally {
    rmSync(dataDir, { recursive: true })
  }
}

async function rebuildBoth(dataDir: string): Promise<readonly object[]> {
  const redis = await startRedisProcess(OTHER_CORE)
  try {
    const rows: object[] = []
    for (const [store, env] of Object.entries({ Redis: { REDIS_URL: redis.url }, SQLite: {} })) {
      const made = await rebuilt(dataDir, env)
      rows.push({ store, ...made, ...(await checked(dataDir, env)) })
    }
    return rows
  } finally {
    await redis.stop()
  }
}

async function startDamaged(dataDir: string, random: Random): Promise<readonly object[]> {
  const rows: object[] = []
  for (const { what, settings = {}, strike } of DAMAGES) {
    strike(dataDir, random)
    rows.push({ damage: what, ...(await startAndStop(dataDir, settings)) })
  }
  return rows
}

/** Processor time is this process', all threads. */
async function rebuilt(dataDir: string, env: Readonly<Record<string, string>>): Promise<object> {
  const [startedMs, cpuBefore] = [performance.now(), process.cpuUsage()]
  await rebuild.run(["--data-dir", dataDir], { env, stdout: SILENT, stderr: SILENT })
  const { user, system } = process.cpuUsage(cpuBefore)
  return { seconds: round((performance.now() - startedMs) / 1000), "processor s": round((user + system) / 1e6) }
}

/** What `rebuild --check` says. */
async function checked(dataDir: string, env: Readonly<Record<string, string>>): Promise<object> {
  let said = ""
  const stdout = { write: (text: string) => void (said += text) }
  const exitCode = await rebuild.run(["--check", "--data-dir", dataDir], { env, stdout, stderr: SILENT })
  return { equal: exitCode === 0, said: said.trim() }
}

/** Seconds from the start until `/readyz` says 200, and from SIGTERM until the process has ended. */
async function startAndStop(dataDir: string, settings: Readonly<Record<string, string>>): Promise<object> {
  const port = await freePort()
  const env = { ...process.env, LOG_LEVEL: "error", PORT: String(port), DATA_DIR: dataDir, ...settings }
  const startedMs = performance.now()
  const command = ["-c", String(SERVER_CORE), process.execPath, "src/cli/main.ts", "serve"]
  const child = spawn("taskset", command, { env, stdio: ["ignore", "ignore", "inherit"] })
  while (!(await isReady(port))) {
    if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}`)
    await wait(POLL_MS)
  }
  const ready = (performance.now() - startedMs) / 1000
  const response = await fetch(`http://127.0.0.1:${port}/admin/experiments/banner-ctr`)
  const { revision } = (await response.json()) as { revision?: number }
  const exited = once(child, "exit")
  const stoppedMs = performance.now()
  child.kill("SIGTERM")
  const [exitCode] = await exited
  return {
    "ready after s": round(ready),
    revision,
    "stopped after s": round((performance.now() - stoppedMs) / 1000),
    exitCode,
  }
}

async function isReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`)
    await response.arrayBuffer()
    return response.ok
  } catch (cause) {
    // fetch throws TypeError while nobody listens yet.
    if (cause instanceof TypeError) return false
    throw cause
  }
}

function files(dataDir: string): readonly string[] {
  const folder = join(dataDir, "outcomes")
  const names = readdirSync(folder).filter((name) => name.endsWith(".ndjson"))
  return names.toSorted().map((name) => join(folder, name))
}

function last(dataDir: string): string {
  return files(dataDir).at(-1) ?? ""
}

function cut(dataDir: string, bytes: number): void {
  const path = last(dataDir)
  truncateSync(path, Math.max(0, statSync(path).size - bytes))
}

/** @param at offset; below 0: from the end */
function flip(path: string, at: number): void {
  const file = openSync(path, "r+")
  const offset = at < 0 ? Math.max(0, statSync(path).size + at) : Math.min(at, statSync(path).size - 1)
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, offset)
  writeSync(file, Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, offset)
  closeSync(file)
}

function rmDatabase(dataDir: string): void {
  for (const name of readdirSync(dataDir)) if (name.startsWith("gateway.db")) rmSync(join(dataDir, name))
}

function round(seconds: number): number {
  return Number(seconds.toFixed(2))
}

await main()
