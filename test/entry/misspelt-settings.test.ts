import { expect, it } from "vitest"
import { parseConfig } from "#src/config.ts"
import { misspeltSettings } from "#src/entry/misspelt-settings.ts"
import { startGateway } from "#src/entry/node.ts"
import { temporaryFolder } from "../temporary-folder.ts"

it.each([
  ["API_KEY", "API_KEYS"],
  ["API_KEYS_", "API_KEYS"],
  ["REDIS_URI", "REDIS_URL"],
  ["CORS_ORIGIN", "CORS_ORIGINS"],
  ["EXPERIMENT_DIR", "EXPERIMENTS_DIR"],
  ["EXPERMIENT_DIR", "EXPERIMENTS_DIR"],
  ["SINGING_KEYS", "SIGNING_KEYS"],
  ["data_dir", "DATA_DIR"],
  ["DATADIR", "DATA_DIR"],
  ["OUTCOMES_MAX_DAY", "OUTCOMES_MAX_DAYS"],
])("tells that %s was probably meant to be %s", (name, meant) => {
  expect(misspeltSettings({ [name]: "x" })).toEqual([
    `${name} is not a setting of this gateway; did you mean ${meant}?`,
  ])
})

it("is silent about settings and about other programs' names", () => {
  const environment = {
    API_KEYS: "0123456789",
    DATA_DIR: "/d",
    HOSTNAME: "web-1",
    LOGNAME: "ada",
    POST: "1",
    port: "80",
  }
  expect(misspeltSettings({ ...environment, AWS_KEYS: "x", HOME: "/", KINESIS_SHARDS: "4", REDIS_HOST: "r" })).toEqual(
    [],
  )
})

it("never repeats a value, and looks at long names no longer than they take to tell apart", () => {
  expect(misspeltSettings({ API_KEY: "topsecretvalue", ["A".repeat(100_000)]: "x" }).join()).not.toMatch(
    /topsecret|AAAA/,
  )
})

it("starts, and says it in the log", async () => {
  const written: string[] = []
  const DATA_DIR = temporaryFolder()
  const config = parseConfig({ PORT: "0", SHUTDOWN_DELAY_SECONDS: "0", DATA_DIR, API_KEY: "x" })
  const gateway = await startGateway(
    config,
    { write: (text) => written.push(text) },
    misspeltSettings({ API_KEY: "x" }),
  )
  await gateway.stop()
  expect(written.join("")).toMatch(/WARN.*API_KEY is not a setting of this gateway; did you mean API_KEYS\?/i)
})
