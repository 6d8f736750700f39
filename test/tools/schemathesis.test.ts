import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it, onTestFinished } from "vitest"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { pythonTool } from "./python-tool.ts"

const SETTINGS = fileURLToPath(new URL("schemathesis/", import.meta.url))
const EXPERIMENTS = fileURLToPath(new URL("../../examples/experiments", import.meta.url))
const SECONDS = 60

/** What it tried and found; a line that holds a whole body is cut. */
function shortened(said: string): string {
  return said
    .split("\n")
    .map((line) => line.slice(0, 400))
    .join("\n")
}

it("the contract and the gateway say the same of a minute of made-up requests", {
  timeout: 4 * SECONDS * 1000,
}, async () => {
  const gateway = await startGateway(
    parseConfig({
      PORT: "0",
      SHUTDOWN_DELAY_SECONDS: "0",
      LOG_LEVEL: "error",
      DATA_DIR: temporaryFolder(),
      CORS_ORIGINS: "*",
      // Edits of what a folder has are refused, so that what the fuzzer asks for stays.
      EXPERIMENTS_DIR: EXPERIMENTS,
      DEFAULT_EXPERIMENT: "banner-ctr",
    }),
  )
  onTestFinished(() => gateway.stop())
  const run = `--no-color run ${gateway.address}/openapi.json --checks all --continue-on-failure`
  const bounds = `--max-time ${SECONDS} --seed ${Date.now() % 1_000_000}`
  const settings = ["--config-file", join(SETTINGS, "schemathesis.toml")]
  const fuzzer = spawn(pythonTool("schemathesis", "schemathesis"), settings.concat(`${run} ${bounds}`.split(" ")), {
    cwd: temporaryFolder(),
    env: { PATH: process.env["PATH"], PYTHONPATH: SETTINGS, SCHEMATHESIS_HOOKS: "hooks" },
  })
  let said = ""
  for (const stream of [fuzzer.stdout, fuzzer.stderr]) stream.on("data", (text: Buffer) => (said += text.toString()))
  const [code] = await once(fuzzer, "close")
  console.log(shortened(said))
  expect(code).toBe(0)
  expect(Number(/(\d[\d,]*) generated/.exec(said)?.[1]?.replaceAll(",", ""))).toBeGreaterThan(300)
})
