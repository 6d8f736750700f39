/**
 * A KServe client that notices nothing: one program (`examples/kserve_client.py`), first against a KServe model server, then against a gateway
 * whose experiment has two models of that server. `node scripts/kserve-client.ts`, after `scripts/setup-tools.sh clients`.
 */
import { execFile, spawn } from "node:child_process"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"
import { pythonTool } from "#test/tools/python-tool.ts"

const CLIENT = fileURLToPath(new URL("../examples/kserve_client.py", import.meta.url))
const SERVER = fileURLToPath(new URL("kserve/model_server.py", import.meta.url))
const MODEL = "evening"
const READY_WITHIN_MS = 60_000

/** What the program printed against KServe and against the gateway, and how many decisions were made meanwhile. */
export async function runAgainstBoth(say: (line: string) => void) {
  const port = await freePort()
  const kserve = `http://127.0.0.1:${port}`
  const folder = await mkdtemp(join(tmpdir(), "bandit-gateway-"))
  const server = spawn(pythonTool("clients"), [SERVER, String(port)], { stdio: "ignore" })
  try {
    await writeDocuments(folder, kserve)
    await untilReady(`${kserve}/v2/models/${MODEL}/ready`)
    const gateway = await startGateway(
      parseConfig({
        PORT: "0",
        SHUTDOWN_DELAY_SECONDS: "0",
        LOG_LEVEL: "error",
        DATA_DIR: join(folder, "data"),
        EXPERIMENTS_DIR: join(folder, "experiments.yaml"),
        TARGETS_FILE: join(folder, "targets.yaml"),
      }),
    )
    const answers = await bothAnswers(kserve, gateway.address).finally(() => gateway.stop())
    say(`KServe said:\n${answers.direct}`)
    say(`The gateway said:\n${answers.behind}`)
    const log = await readFile(join(folder, "data", "outcomes", "outcomes-00000001.ndjson"), "utf8")
    const decisions = [...log.matchAll(/"type":"decision"/g)].length
    say(`Decisions that it made: ${decisions}`)
    return { ...answers, decisions }
  } finally {
    server.kill()
    await rm(folder, { recursive: true, force: true })
  }
}

async function bothAnswers(kserve: string, gateway: string) {
  return { direct: await ask(kserve), behind: await ask(gateway) }
}

async function ask(address: string): Promise<string> {
  const { stdout } = await promisify(execFile)(pythonTool("clients"), [CLIENT, address, MODEL])
  return stdout
}

async function writeDocuments(folder: string, kserve: string): Promise<void> {
  const targets = { "hour-models": { kind: "http", protocol: "open-inference-v2", baseUrl: kserve } }
  const variants = [MODEL, `${MODEL}-too`].map((model) => ({
    id: model,
    backend: { kind: "http", target: "hour-models", model },
  }))
  const experiment = { id: MODEL, variants, control: MODEL, policy: { kind: "thompson" }, deadlineMs: 2000 }
  await writeFile(join(folder, "targets.yaml"), JSON.stringify({ targets }))
  await writeFile(join(folder, "experiments.yaml"), JSON.stringify(experiment))
}

async function untilReady(url: string): Promise<void> {
  const until = Date.now() + READY_WITHIN_MS
  while (Date.now() < until) {
    const answer = await fetch(url).catch(() => undefined)
    if (answer?.ok === true) return
    await sleep(200)
  }
  throw new Error(`${url} is not ready after ${READY_WITHIN_MS} ms`)
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((settle) => probe.listen(0, "127.0.0.1", settle))
  const address = probe.address()
  await new Promise((settle) => probe.close(settle))
  if (address === null || typeof address === "string") throw new Error("a server without a port")
  return address.port
}

if (import.meta.main) await runAgainstBoth((line) => console.log(line))
