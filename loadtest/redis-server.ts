import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort, toolCommand } from "./server-process.ts"

export interface RedisServer {
  readonly port: number
  readonly pid: number
  stop(): Promise<void>
}

/**
 * A `redis-server` that keeps nothing, unless it is told to.
 *
 * @param settings of the command line, such as `--appendonly yes`
 * @param core the CPU core that it may use; all when undefined
 */
export async function startRedisServer(settings: readonly string[] = [], core?: number): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), "bandit-gateway-load-"))
  const port = await freePort()
  const basics = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
  const pin = core === undefined ? [] : ["taskset", "-c", String(core)]
  const server = spawn(...toolCommand(...pin, "redis-server", ...basics, ...settings), { stdio: "ignore" })
  return {
    port,
    pid: server.pid ?? 0,
    stop: async () => {
      const ended = once(server, "exit")
      server.kill()
      await ended
      await rm(folder, { recursive: true })
    },
  }
}
