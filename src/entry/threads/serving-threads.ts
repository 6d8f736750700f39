import { getHeapStatistics } from "node:v8"
import { Worker } from "node:worker_threads"
import { type Argument, Calls, type Result } from "./calls.ts"
import type { ControlFunctions, ServingFunctions, ThreadSettings } from "./functions.ts"

interface ServingThread {
  readonly worker: Worker
  readonly calls: Calls<ServingFunctions>
}

const MEBIBYTE = 2 ** 20

/** The threads that serve, as the control thread has them. Their heaps share the limit of the process in equal parts. */
export class ServingThreads {
  /** Settles when one of them has ended that was not to. */
  readonly died: Promise<Error>
  readonly #threads: readonly ServingThread[]
  readonly #death = Promise.withResolvers<Error>()
  #ending = false

  constructor(count: number, settings: Omit<ThreadSettings, "thread">, control: ControlFunctions) {
    this.died = this.#death.promise
    const heapMb = Math.floor(getHeapStatistics().heap_size_limit / count / MEBIBYTE)
    const threads = Array.from({ length: count }, (_, index) => index + 1)
    this.#threads = threads.map((thread) => this.#start({ ...settings, thread }, heapMb, control))
  }

  /** Calls one function of each, and settles when all have answered. @throws GatewayError as one of them did; `internal` where it has ended */
  callAll<Name extends keyof ServingFunctions>(
    name: Name,
    argument: Argument<ServingFunctions, Name>,
  ): Promise<Result<ServingFunctions, Name>[]> {
    return Promise.all(this.callEach(name, argument))
  }

  /** The same, each answer by itself. */
  callEach<Name extends keyof ServingFunctions>(
    name: Name,
    argument: Argument<ServingFunctions, Name>,
  ): Promise<Result<ServingFunctions, Name>>[] {
    return this.#threads.map(({ calls }) => calls.call(name, argument))
  }

  /** The port that all of them listen on. @param port 0: one that is free @throws GatewayError `config_invalid` */
  async listen(port: number): Promise<number> {
    let shared = port
    for (const { calls } of this.#threads) shared = await calls.call("listen", shared)
    return shared
  }

  /** Ends them, whatever they are doing. */
  async end(): Promise<void> {
    this.#ending = true
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()))
  }

  #start(settings: ThreadSettings, heapMb: number, control: ControlFunctions): ServingThread {
    const worker = new Worker(new URL("./serving-thread.ts", import.meta.url), {
      workerData: settings,
      name: `serving ${settings.thread}`,
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    })
    const calls = new Calls<ServingFunctions>(worker, control)
    worker.on("message", (message) => calls.receive(message))
    worker.on("error", (error) => this.#ended(settings.thread, calls, error))
    worker.on("exit", () => this.#ended(settings.thread, calls, undefined))
    return { worker, calls }
  }

  #ended(thread: number, calls: Calls<ServingFunctions>, cause: unknown): void {
    const what = `serving thread ${thread} has ended`
    const why = cause instanceof Error ? `: ${cause.message}` : ""
    // Before those who wait for its answers: it says more.
    if (!this.#ending) this.#death.resolve(new Error(`${what}${why}`, { cause }))
    calls.fail(what)
  }
}
