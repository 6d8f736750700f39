import { execFile } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { expect, it, onTestFinished } from "vitest"
import * as z from "zod"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { pythonTool } from "./python-tool.ts"

const run = promisify(execFile)

const CLIENTS = fileURLToPath(new URL("clients/", import.meta.url))

async function startExample(): Promise<string> {
  const DATA_DIR = temporaryFolder()
  const gateway = await startGateway(
    parseConfig({ PORT: "0", SHUTDOWN_DELAY_SECONDS: "0", LOG_LEVEL: "error", DATA_DIR }),
  )
  onTestFinished(() => gateway.stop())
  return gateway.address
}

async function countRewards(address: string): Promise<number> {
  const stats = await (await fetch(`${address}/admin/experiments/banner-ctr/stats`)).json()
  const { variants } = z.object({ variants: z.array(z.object({ sum: z.number() })) }).parse(stats)
  return variants.reduce((total, { sum }) => total + sum, 0)
}

it.each([
  ["boto3", "clients", "boto3_client.py", 1],
  ["KServe", "clients", "kserve_client.py", 0],
  ["tritonclient", "clients", "triton_client.py", 0],
  ["Seldon", "seldon", "seldon_client.py", 2],
])("%s's own client notices nothing but another address", async (name, environment, script, clicks) => {
  const address = await startExample()
  const { stdout } = await run(pythonTool(environment), [join(CLIENTS, script), address])
  expect(stdout).toBe(`as ${name} expects\n`)
  expect(await countRewards(address)).toBe(clicks)
})
