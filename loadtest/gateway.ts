import { mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort, type ServerProcess, startServer } from "./server-process.ts"

/** The gateway over its example experiment, with a data folder of its own. */
export interface Gateway extends ServerProcess {
  readonly dataDir: string
}

/**
 * @param core the CPU core it may use, all when undefined
 * @param checkout folder of the gateway's sources
 * @param folder where its data folder is made
 */
export async function startGateway(core?: number, checkout = ".", folder = tmpdir()): Promise<Gateway> {
  const port = await freePort()
  const dataDir = await mkdtemp(join(folder, "bandit-gateway-load-"))
  const pin = core === undefined ? [] : ["taskset", "-c", String(core)]
  const settings = ["env", `PORT=${port}`, `DATA_DIR=${dataDir}`]
  const command = [process.execPath, join(checkout, "src/cli/main.ts"), "serve"]
  const server = await startServer([...pin, ...settings, ...command], port, "/readyz")
  return { ...server, dataDir }
}
