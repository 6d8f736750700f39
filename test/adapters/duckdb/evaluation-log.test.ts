import { appendFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { DuckDBInstance } from "@duckdb/node-api"
import { describe, expect, it } from "vitest"
import { createDuckDbEvaluationLog } from "#src/adapters/duckdb/evaluation-log.ts"
import { ALL_OF_IT, readLog } from "#test/contract/evaluation-log.ts"
import { decisionEvent, NOON, rewardEvent } from "#test/outcomes.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const EVENTS = [1, 2, 3, 4].flatMap((second) => {
  const place = { decisionId: `D${second}`, decidedAt: NOON + second * 1000 }
  const decision = decisionEvent({ ...place, unit: `unit-${second}` })
  return second % 2 === 0 ? [decision, rewardEvent(place)] : [decision]
})
const LINES = EVENTS.map((event) => `${JSON.stringify(event)}\n`)
const ROWS = [
  [1, 0],
  [2, 1],
  [3, 0],
  [4, 1],
]

function inFiles(paths: readonly string[], options: Parameters<typeof createDuckDbEvaluationLog>[1] = {}) {
  return createDuckDbEvaluationLog({ paths, objects: [] }, options)
}

async function rowsOf(...paths: readonly string[]) {
  const { rows } = await readLog(inFiles(paths))
  return rows.map(({ at, reward }) => [at, reward])
}

function written(name: string, content: string | Uint8Array, folder = temporaryFolder()): string {
  writeFileSync(join(folder, name), content)
  return folder
}

async function writeParquet(json: string, parquet: string, partitioned = ""): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:")
  const connection = await instance.connect()
  await connection.run(
    `COPY (SELECT *, CAST(CAST("at" AS DATE) AS VARCHAR) AS day FROM read_json('${json}')) TO '${parquet}' (FORMAT parquet${partitioned})`,
  )
  connection.closeSync()
  instance.closeSync()
}

describe("given a log in some form", () => {
  it("reads a data folder by its outcomes, and nothing beside them", async () => {
    const data = temporaryFolder()
    mkdirSync(join(data, "outcomes"))
    writeFileSync(join(data, "gateway.json"), '{"no":"outcome"}\n')
    writeFileSync(join(data, "outcomes", "log.json"), '{"spans":[]}')
    written("outcomes-00000001.ndjson", LINES.join(""), join(data, "outcomes"))
    expect(await rowsOf(data)).toEqual(ROWS)
  })

  it("reads gzipped files, also what was appended to one", async () => {
    const parts = [LINES.slice(0, 3), LINES.slice(3)].map((lines) => gzipSync(lines.join("")))
    expect(await rowsOf(written("outcomes-00000001.ndjson.gz", Buffer.concat(parts)))).toEqual(ROWS)
  })

  it("reads what a delivery stream leaves: folders by hour, objects without a telling name, plain and gzipped", async () => {
    const bucket = temporaryFolder()
    const hours = ["2026/11/20/12", "2026/11/20/13"].map((hour) => join(bucket, hour))
    for (const hour of hours) mkdirSync(hour, { recursive: true })
    written("outcomes-1-2026-11-20-12-00-00-0a1b", LINES.slice(0, 3).join(""), hours[0])
    written("outcomes-1-2026-11-20-13-00-00-2c3d", gzipSync(LINES.slice(3).join("")), hours[1])
    expect(await rowsOf(bucket)).toEqual(ROWS)
  })

  it("reads Parquet, alone and beside lines", async () => {
    const folder = written("lines", LINES.join(""))
    await writeParquet(join(folder, "lines"), join(folder, "rows.parquet"))
    expect(await rowsOf(join(folder, "rows.parquet"))).toEqual(ROWS)
    expect(await rowsOf(folder)).toEqual(ROWS)
  })

  it("reads Parquet in folders by day and experiment, which have these in their names alone", async () => {
    const folder = join(temporaryFolder(), "copies")
    await writeParquet(join(written("lines", LINES.join("")), "lines"), folder, ", PARTITION_BY (day, experiment)")
    expect(await rowsOf(folder)).toEqual(ROWS)
  })

  it("skips torn and damaged lines", async () => {
    const folder = written(
      "outcomes-00000001.ndjson",
      [
        ...LINES.slice(0, 2),
        LINES[0]?.slice(0, 40),
        "\n",
        "not JSON\n",
        '{"v":1,"type":"decision"}\n',
        ...LINES.slice(2),
      ].join(""),
    )
    appendFileSync(join(folder, "outcomes-00000001.ndjson"), LINES[0]?.slice(0, 50) ?? "")
    expect(await rowsOf(folder)).toEqual(ROWS)
  })
})

it("says that the log's start is lost where its first files are gone", async () => {
  const summaryOf = async (name: string) => (await readLog(inFiles([written(name, LINES.join(""))]))).summary
  expect((await summaryOf("outcomes-00000002.ndjson")).startLost).toBe(true)
  expect((await summaryOf("outcomes-00000001.ndjson")).startLost).toBe(false)
})

it("names what the log has instead of an unknown experiment, and what a log is where there is none", async () => {
  const folder = written("lines", LINES.join(""))
  await expect(readLog(inFiles([folder]), { experiment: "banner" })).rejects.toThrow(
    "the log has no drawn decision of banner; it has decisions of banner-ctr",
  )
  await expect(rowsOf(temporaryFolder())).rejects.toThrow("no outcomes there. A log is a data folder")
  await expect(rowsOf("/nowhere")).rejects.toThrow("--log /nowhere can't be read")
})

it("leaves nothing behind: not when it is closed, refused or stopped", async () => {
  const temporary = temporaryFolder()
  const folder = written("lines", LINES.join(""))
  const stopper = new AbortController()
  const log = inFiles([folder], { temporaryFolder: temporary, signal: stopper.signal })
  const prepared = await log.prepare(ALL_OF_IT, () => {})
  expect(readdirSync(temporary)).toHaveLength(1)
  await prepared.close()
  expect(readdirSync(temporary)).toEqual([])
  await expect(log.prepare({ ...ALL_OF_IT, experiment: "other" }, () => {})).rejects.toThrow("no drawn decision")
  expect(readdirSync(temporary)).toEqual([])
  rmSync(folder, { recursive: true })
})

it("ends before its folder takes more than was allowed, and says what would be right", async () => {
  const temporary = temporaryFolder()
  const log = inFiles([written("lines", LINES.join(""))], {
    temporaryFolder: temporary,
    limits: { temporaryGiB: 1e-6 },
  })
  await expect(readLog(log)).rejects.toMatchObject({
    code: "log_unavailable",
    message: expect.stringContaining("has come to its bound of 0.000001 GiB. Allow more with --temporary-gib"),
  })
  expect(readdirSync(temporary)).toEqual([])
})

it("says so too where the first files of one thread's log are gone", async () => {
  const folder = written("outcomes-00000001.ndjson", LINES.slice(0, 2).join(""))
  const other = join(folder, "thread-2")
  mkdirSync(other)
  written("outcomes-00000002.ndjson", LINES.slice(2).join(""), other)
  expect((await readLog(inFiles([folder]))).summary.startLost).toBe(true)
  expect(await rowsOf(folder)).toEqual(ROWS)
})
