import { execFile } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { gzipSync } from "node:zlib"
import { DuckDBInstance } from "@duckdb/node-api"
import { expect, it } from "vitest"
import { evaluate } from "#src/cli/evaluate.ts"
import { capturedIo } from "#test/cli/captured-io.ts"
import { logOf } from "#test/cli/simulated-log-folder.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { pythonTool } from "./python-tool.ts"

const JOB = fileURLToPath(new URL("../../examples/spark/evaluate.py", import.meta.url))
const LINES = "outcomes-00000001.ndjson"
const SPARK_MS = 480_000

/** Runs the job again and again in one process, whose start takes longest. */
const AGAIN = `
import json, runpy, sys
job = sys.argv[1]
for args in json.loads(sys.argv[2]):
    sys.argv = [job, *args]
    runpy.run_path(job, run_name="__main__")`

/** What the job says each time, on this machine alone. */
async function bySpark(runs: readonly (readonly string[])[]) {
  const orders = runs.map((args) => ["--experiment", "simulated", ...args])
  const settings = [
    "spark.ui.enabled=false",
    "spark.sql.shuffle.partitions=2",
    // Little data: compiling would take longer than running.
    "spark.sql.codegen.wholeStage=false",
    "spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1",
  ]
  const { stdout } = await promisify(execFile)(pythonTool("pyspark"), ["-c", AGAIN, JOB, JSON.stringify(orders)], {
    cwd: temporaryFolder(),
    env: {
      PATH: process.env["PATH"],
      SPARK_LOCAL_IP: "127.0.0.1",
      PYSPARK_SUBMIT_ARGS: `--master local[2] --driver-memory 1g ${settings.map((each) => `--conf ${each}`).join(" ")} pyspark-shell`,
    },
  })
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
}

async function byDuckDb(log: string, ...args: readonly string[]) {
  const io = capturedIo()
  expect(await evaluate.run(["--log", log, "--experiment", "simulated", "--json", ...args], io)).toBe(0)
  const answer = JSON.parse(io.out())
  return {
    ...answer,
    targets: answer.targets.map((target: { readonly estimates: readonly { readonly method: string }[] }) => ({
      ...target,
      estimates: target.estimates.filter(({ method }) => method === "normal"),
    })),
  }
}

/** Where the second value doesn't have what the first one has: numbers to a thousand-millionth, all else exactly. */
function differences(actual: unknown, expected: unknown, path = ""): readonly string[] {
  if (typeof actual === "object" && actual !== null) {
    const other = (typeof expected === "object" && expected !== null ? expected : {}) as Readonly<
      Record<string, unknown>
    >
    return Object.entries(actual).flatMap(([name, value]) => differences(value, other[name], `${path}/${name}`))
  }
  const alike =
    typeof actual === "number" && typeof expected === "number"
      ? Math.abs(actual - expected) <= 1e-9 * Math.max(1, Math.abs(actual))
      : actual === expected
  return alike ? [] : [`${path} is ${String(actual)}, not ${String(expected)}`]
}

/** The form in which `outcomes copy` leaves a log: by day and experiment, objects as JSON texts. */
async function writeCopies(lines: string, folder: string): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:")
  const connection = await instance.connect()
  await connection.run(
    `COPY (SELECT * REPLACE (CAST(allocation AS VARCHAR) AS allocation, CAST(features AS VARCHAR) AS features, CAST("at" AS TIMESTAMP) AS "at"),
       CAST(CAST("at" AS DATE) AS VARCHAR) AS day FROM read_json('${lines}', union_by_name = true, columns = {
         v: 'INTEGER', type: 'VARCHAR', eventId: 'VARCHAR', "at": 'TIMESTAMP', experiment: 'VARCHAR', revision: 'INTEGER', metric: 'VARCHAR',
         decisionId: 'VARCHAR', unit: 'VARCHAR', stickiness: 'VARCHAR', variant: 'VARCHAR', allocation: 'JSON', reason: 'VARCHAR',
         features: 'JSON', value: 'DOUBLE', bound: 'DOUBLE', aggregation: 'VARCHAR', status: 'VARCHAR' }))
     TO '${folder}' (FORMAT parquet, PARTITION_BY (day, experiment))`,
  )
  connection.closeSync()
  instance.closeSync()
}

/** What a delivery stream leaves: by hour, plain and gzipped. Some lines come twice, and one is torn. */
function writeDelivered(lines: readonly string[]): string {
  const folder = temporaryFolder()
  const hour = join(folder, "2026/11/20/12")
  mkdirSync(hour, { recursive: true })
  const half = Math.ceil(lines.length / 2)
  writeFileSync(join(hour, "outcomes-1-0a1b.gz"), gzipSync(`${lines.slice(0, half).join("\n")}\n`))
  const rest = [...lines.slice(half), ...lines.slice(half - 100, half), lines[0]?.slice(0, 200)]
  writeFileSync(join(hour, "outcomes-2-2c3d"), rest.join("\n"))
  return folder
}

it("examples/spark/evaluate.py says what evaluate says, to 1e-9: of copied Parquet, and of what a stream delivered", {
  timeout: SPARK_MS,
}, async () => {
  const byRequest = logOf({ kind: "thompson", minPropensity: 0.05 })
  const copies = join(temporaryFolder(), "copies")
  await writeCopies(join(byRequest, LINES), copies)
  const byUnit = logOf({ kind: "epsilon-greedy", epsilon: 0.2 }, "unit")
  const delivered = writeDelivered(readFileSync(join(byUnit, LINES), "utf8").trimEnd().split("\n"))
  const target = '{"0":0.3,"1":0.7}'
  const window = ["--window", "100", "--from", "1970-01-01T00:01:00Z"]

  const [ofCopies, ofDelivered] = await bySpark([
    ["--log", copies],
    ["--format", "json", "--log", delivered, "--target", target, ...window],
  ])
  expect(differences(ofCopies, await byDuckDb(byRequest))).toEqual([])
  expect(ofCopies.targets.map(({ policy }: { policy: string }) => policy)).toEqual(["always 0", "always 1", "uniform"])
  expect(ofCopies.targets[1].estimates).toHaveLength(8)
  expect(differences(ofDelivered, await byDuckDb(byUnit, "--target-allocation", target, ...window))).toEqual([])
  expect(ofDelivered.units).toBeLessThan(ofDelivered.decisions)
})
