import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as z from "zod"
import { toolCommand } from "./server-process.ts"

/** What one k6 run says of itself: its exit code and the final value of each counter, by k6's name (`decisions{variant:champion}`). */
export interface K6Result {
  readonly exitCode: number
  readonly counts: ReadonlyMap<string, number>
}

const SUMMARY = z.object({ metrics: z.record(z.string(), z.looseObject({ count: z.number().optional() })) })

/** Runs a script with settings (`-e NAME=value`); its progress and summary go to the terminal. */
export async function runK6(script: string, settings: Readonly<Record<string, string>>): Promise<K6Result> {
  const folder = await mkdtemp(join(tmpdir(), "bandit-gateway-k6-"))
  const summary = join(folder, "summary.json")
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-e", `${name}=${value}`])
  const quiet = ["--quiet", "--no-usage-report", "--address", ""]
  try {
    const child = spawn(...toolCommand("k6", "run", ...quiet, "--summary-export", summary, ...flags, script), {
      stdio: "inherit",
    })
    const [code] = await once(child, "exit")
    const { metrics } = SUMMARY.parse(JSON.parse(await readFile(summary, "utf8")))
    const counts = Object.entries(metrics).flatMap(([name, { count }]) =>
      count === undefined ? [] : [[name, count] as const],
    )
    return { exitCode: typeof code === "number" ? code : 1, counts: new Map(counts) }
  } finally {
    await rm(folder, { recursive: true })
  }
}
