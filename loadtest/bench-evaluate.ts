/**
 * Seconds, processor seconds and memory of `evaluate` on a made-up log, and of pandas with Open Bandit Pipeline on the same files and the same processor core.
 *
 * `node loadtest/bench-evaluate.ts [decisions, 1000000] [ours|obp|both] [core, 0]`
 *
 * The log is kept in `~/.cache/bandit-gateway`, beside a Python environment. Prints one JSON line for each.
 */
import { execFileSync, spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { writeEvaluationLog } from "./evaluation-log.ts"

const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "bandit-gateway")
const PYTHON_TOOL = "open-bandit-pipeline"
const TARGET = "challenger"
const LOOK_EVERY_MS = 50

const decisions = Number(process.argv[2] ?? 1_000_000)
const which = process.argv[3] ?? "both"
const core = process.argv[4] ?? "0"

const folder = join(CACHE, `evaluation-log-${decisions}`)
if (!existsSync(folder)) writeEvaluationLog(folder, decisions, "1")

if (which !== "obp") {
  const target = JSON.stringify({ [TARGET]: 1 })
  const order = ["--log", folder, "--experiment", "banner-ctr", "--target-allocation", target]
  await measure("evaluate", process.execPath, [
    sourceOf("../src/cli/main.ts"),
    "evaluate",
    ...order,
    "--estimators",
    "ips,snips,dr",
    "--json",
  ])
}
if (which !== "ours") {
  execFileSync("bash", [sourceOf("../scripts/setup-tools.sh"), PYTHON_TOOL], {
    stdio: ["ignore", "inherit", "inherit"],
  })
  await measure("pandas and Open Bandit Pipeline", join(CACHE, PYTHON_TOOL, "bin", "python"), [
    sourceOf("../scripts/evaluate-with-obp.py"),
    folder,
    TARGET,
  ])
}

async function measure(name: string, command: string, args: readonly string[]): Promise<void> {
  const startedAt = performance.now()
  const child = spawn("taskset", ["-c", core, command, ...args], { stdio: ["ignore", "pipe", "inherit"] })
  let out = ""
  child.stdout.on("data", (data: Buffer) => (out += data.toString()))
  let [peakMiB, cpuSeconds] = [0, 0]
  const timer = setInterval(() => {
    peakMiB = Math.max(peakMiB, peakOf(child.pid))
    cpuSeconds = Math.max(cpuSeconds, cpuSecondsOf(child.pid))
  }, LOOK_EVERY_MS)
  const code = await new Promise((resolve) => child.on("close", resolve))
  clearInterval(timer)
  const seconds = (performance.now() - startedAt) / 1000
  if (code !== 0) throw new Error(`${name} ended with ${String(code)}`)
  const figures = {
    name,
    decisions,
    seconds: round(seconds),
    cpuSeconds: round(cpuSeconds),
    peakMiB: Math.round(peakMiB),
  }
  console.log(JSON.stringify({ ...figures, answer: summaryOf(JSON.parse(out)) }))
}

/** The largest resident size so far. */
function peakOf(pid: number | undefined): number {
  const status = existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, "utf8") : ""
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024
}

/** What it has taken of the processor so far; the kernel counts in hundredths. */
function cpuSecondsOf(pid: number | undefined): number {
  const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : ""
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number)
  return (user + system) / 100
}

function round(value: number): number {
  return Number(value.toFixed(1))
}

/** Both answers in one form, to be compared by eye. */
function summaryOf(answer: {
  readonly targets?: readonly { readonly estimates: readonly { estimator: string; value: number; method: string }[] }[]
}): unknown {
  const [target] = answer.targets ?? []
  if (target === undefined) return answer
  const normal = target.estimates.filter(({ method }) => method === "normal")
  return Object.fromEntries(normal.map(({ estimator, value }) => [estimator, value]))
}

function sourceOf(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url))
}
