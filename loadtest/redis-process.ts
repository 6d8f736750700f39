import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { freePort } from "./server-process.ts"

const POLL_MS = 50
const START_TIMEOUT_MS = 20_000

/** A `redis-server` beside the measurement, with an append-only file that is synced before every answer. */
export interface RedisProcess {
  readonly url: string
  /** Ends it at once (SIGKILL). */
  kill(): Promise<void>
  /** Starts it again over the same data, after `kill`. */
  start(): Promise<void>
  /** Ends it and deletes its data. */
  stop(): Promise<void>
}

/** @param core the CPU core that it may use */
export async function startRedisProcess(core: number): Promise<RedisProcess> {
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), "bandit-gateway-redis-"))
  const settings = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
  const command = ["-c", String(core), "redis-server", ...settings, "--appendonly", "yes", "--appendfsync", "always"]
  let child: ChildProcess | undefined

  async function kill(): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, "exit")
    child.kill("SIGKILL")
    await exited
  }

  async function start(): Promise<void> {
    child = spawn("taskset", command, { stdio: "ignore" })
    await once(child, "spawn")
    const giveUpAt = performance.now() + START_TIMEOUT_MS
    while (!(await answers(port))) {
      if (performance.now() > giveUpAt) {
        await kill()
        throw new Error("redis-server did not answer: `npm run setup` installs it, or says what to install")
      }
      await wait(POLL_MS)
    }
  }

  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    kill,
    start,
    stop: async () => {
      await kill()
      await rm(folder, { recursive: true })
    },
  }
}

/** Whether it answers PING, which it does once it has read its data. */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1")
  try {
    return await new Promise((resolve) => {
      socket.on("error", () => resolve(false))
      socket.on("close", () => resolve(false))
      socket.on("data", (answer: Buffer) => resolve(answer.toString().startsWith("+PONG")))
      socket.write("PING\r\n")
    })
  } finally {
    socket.destroy()
  }
}
