import { mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort, type ServerProcess, startServer } from "./server-process.ts"

/** The gateway over its example experiment, with a data folder of its own. */
export interface Gateway extends ServerProcess {
  readonly dataDir: string
}

/**
 * @param cores the CPU cores it may use, as `taskset` names them; all when undefined
 * @param checkout folder of the gateway's sources
 * @param settings beside PORT and DATA_DIR
 * @param folder where its data folder is made
 */
export async function startGateway(
  cores?: number | string,
  checkout = ".",
  settings: Readonly<Record<string, string>> = {},
  folder = tmpdir(),
): Promise<Gateway> {
  const port = await freePort()
  const dataDir = await mkdtemp(join(folder, "bandit-gateway-load-"))
  const pin = cores === undefined ? [] : ["taskset", "-c", String(cores)]
  const given = Object.entries({ ...settings, PORT: port, DATA_DIR: dataDir })
  const environment = ["env", ...given.map(([name, value]) => `${name}=${value}`)]
  const command = [process.execPath, join(checkout, "src/cli/main.ts"), "serve"]
  const server = await startServer([...pin, ...environment, ...command], port, "/readyz")
  return { ...server, dataDir }
}
