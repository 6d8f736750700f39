import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { expect, it, onTestFinished } from "vitest"
import * as z from "zod"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"
import { temporaryFolder } from "../temporary-folder.ts"

const run = promisify(execFile)

async function startExample(): Promise<string> {
  const DATA_DIR = temporaryFolder()
  const gateway = await startGateway(
    parseConfig({ PORT: "0", SHUTDOWN_DELAY_SECONDS: "0", LOG_LEVEL: "error", DATA_DIR }),
  )
  onTestFinished(() => gateway.stop())
  return gateway.address
}

it("examples/client.py gets a decision and has its reward counted once", async () => {
  const address = await startExample()
  const client = fileURLToPath(new URL("../../examples/client.py", import.meta.url))
  const first = await run("python3", [client, address])
  expect(first.stdout).toMatch(/^(champion|challenger) 0\.\d+ with probability 0\.5\napplied\n$/)
  const stats = await (await fetch(`${address}/admin/experiments/banner-ctr/stats`)).json()
  const { variants } = z.object({ variants: z.array(z.object({ decisions: z.int(), rewards: z.int() })) }).parse(stats)
  const counted = variants.map(({ decisions, rewards }) => `${decisions} decisions, ${rewards} rewards`)
  expect(new Set(counted)).toEqual(new Set(["0 decisions, 0 rewards", "1 decisions, 1 rewards"]))
})

it("examples/client.py goes on without a decision while the gateway is away", async () => {
  const client = fileURLToPath(new URL("../../examples/client.py", import.meta.url))
  // Nothing listens on the discard port.
  const { stdout } = await run("python3", [client, "http://127.0.0.1:9"])
  expect(stdout).toBe("no decision: the page goes on with its own model\n")
})

it("the README's first decision and reward work as they stand", async () => {
  const address = await startExample()
  const readme = readFileSync("README.md", "utf8")
  const [, commands = ""] = /```sh\n(curl -s localhost.*?)```/s.exec(readme) ?? []
  expect(commands.trim().split("\n").length).toBeLessThan(10)
  const script = commands
    .replaceAll("localhost:8080", address)
    .replaceAll("/tmp/decision.json", `${temporaryFolder()}/decision.json`)
  const { stdout } = await run("bash", ["-euo", "pipefail", "-c", script])
  expect([...stdout.matchAll(/"status":"(\w+)"/g)].map(([, status]) => status).slice(0, 2)).toEqual([
    "applied",
    "duplicate",
  ])
  expect(stdout).toContain('"rewards":1')
})
