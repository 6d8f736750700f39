import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import type { Health } from "./health-probe.ts"
import { askUntilClosed } from "./raw-exchange.ts"

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))
/** Little for each thread that serves, so that what is held for peers soon shows: the gateway alone needs a third of it. */
const HEAP_MB = 96

/** A gateway as `npm start` runs it, with a small heap, so that what holds too much ends the process. */
export class AttackedGateway {
  readonly port: number
  readonly #child: ChildProcess
  readonly #folder: string
  readonly #said: string[]

  private constructor(child: ChildProcess, folder: string, port: number, said: string[]) {
    this.#child = child
    this.#folder = folder
    this.port = port
    this.#said = said
  }

  static async start(threads = 1): Promise<AttackedGateway> {
    const folder = await mkdtemp(join(tmpdir(), "bandit-gateway-"))
    const child = spawn(process.execPath, [`--max-old-space-size=${HEAP_MB * threads}`, MAIN, "serve"], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PORT: "0",
        DATA_DIR: folder,
        THREADS: String(threads),
        LOG_LEVEL: "info",
        SHUTDOWN_DELAY_SECONDS: "0",
        DRAIN_SECONDS: "1",
      },
    })
    const said: string[] = []
    const started = Promise.withResolvers<number>()
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8")
      stream.on("data", (text: string) => {
        said.push(text)
        const port = /serves at http:\/\/127\.0\.0\.1:(\d+)/.exec(said.join(""))?.[1]
        if (port !== undefined) started.resolve(Number(port))
      })
    }
    child.on("exit", () => started.reject(new Error(`the gateway did not start: ${said.join("")}`)))
    return new AttackedGateway(child, folder, await started.promise, said)
  }

  /** What it has written to its log and its standard error. */
  get said(): string {
    return this.#said.join("")
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Asks `/healthz` so many times in a row, from a thread of its own: this one is busy attacking. */
  async health(times: number): Promise<Health> {
    const worker = new Worker(new URL("health-probe.ts", import.meta.url), {
      workerData: { port: this.port, times },
      execArgv: [],
    })
    const [health] = (await once(worker, "message")) as [Health]
    return health
  }

  /** Everything that comes back until the gateway closes; nothing where it can't be reached. */
  async ask(text: string): Promise<string> {
    return await askUntilClosed(this.port, text)
  }

  /** One number of `/metrics`. */
  async metric(name: string): Promise<number> {
    const text = await this.ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN)
  }

  /** Opens connections that never read. */
  async open(count: number): Promise<readonly Socket[]> {
    const sockets: Socket[] = []
    for (let i = 0; i < count; i++) {
      const socket = connect({ port: this.port, host: "127.0.0.1", allowHalfOpen: true })
      socket.on("error", () => socket.destroy())
      socket.pause()
      sockets.push(socket)
      // No faster than the kernel's queue of new connections takes them.
      if (i % 100 === 99) await Promise.race([once(socket, "connect"), sleep(1000)])
    }
    return sockets
  }

  /** @returns the exit code */
  async stop(): Promise<unknown> {
    if (this.isAlive) {
      const exit = once(this.#child, "exit")
      this.#child.kill("SIGTERM")
      await exit
    }
    await rm(this.#folder, { recursive: true, force: true })
    return this.#child.exitCode
  }
}
