import { type ChildProcess, spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const START_TIMEOUT_MS = 20_000
const STOP_TIMEOUT_MS = 10_000
const KEPT_OUTPUT = 4000

/** A gateway of one's own, on a free port of the loopback address. */
export interface GatewayChild {
  readonly address: string
  /** The last lines that it wrote, for the report of a failure. */
  readonly output: () => string
  stop(): Promise<void>
}

/**
 * Starts `serve` with its defaults, the example's experiment and models.
 *
 * @param kept folder that its data stay in; undefined: they go when it stops
 */
export async function startGatewayChild(path: string | undefined, kept: string | undefined): Promise<GatewayChild> {
  const dataDir = kept ?? (await mkdtemp(join(tmpdir(), "bandit-gateway-demo-")))
  const child = spawn(process.execPath, [fileURLToPath(new URL("../main.ts", import.meta.url)), "serve"], {
    // Only these settings: whatever the caller's shell has set for a gateway of its own stays out of the demonstration.
    env: { PATH: path, HOST: "127.0.0.1", PORT: "0", DATA_DIR: dataDir, LOG_LEVEL: "warn" },
    stdio: ["ignore", "pipe", "pipe"],
    // Out of the terminal's process group, so that Ctrl-C ends the playing and not the gateway under it.
    detached: true,
  })
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()))
  const kill = () => void child.kill("SIGKILL")
  process.once("exit", kill)
  let output = ""
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-KEPT_OUTPUT)
  }
  child.stdout.on("data", keep)
  child.stderr.on("data", keep)

  const stop = async () => {
    child.kill("SIGTERM")
    const timer = setTimeout(kill, STOP_TIMEOUT_MS)
    await exited
    clearTimeout(timer)
    process.off("exit", kill)
    if (kept === undefined) await rm(dataDir, { recursive: true, force: true })
  }
  try {
    const address = await announcedAddress(child, () => output)
    return { address, output: () => output, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function announcedAddress(child: ChildProcess, output: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const failed = (what: string) => reject(new Error(`${what}${output() === "" ? "" : `; it said:\n${output()}`}`))
    const timer = setTimeout(() => failed("the gateway didn't start in time"), START_TIMEOUT_MS)
    child.stderr?.on("data", () => {
      const address = /serves at (http:\/\/\S+)/.exec(output())?.[1]
      if (address === undefined) return
      clearTimeout(timer)
      resolve(address)
    })
    child.once("error", (error) => failed(`the gateway couldn't be started (${error.message})`))
    child.once("close", (code) => {
      clearTimeout(timer)
      failed(`the gateway stopped while starting (exit code ${code})`)
    })
  })
}
