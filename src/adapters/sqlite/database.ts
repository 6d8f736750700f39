import { Worker } from "node:worker_threads"
import { GatewayError } from "../../domain/errors.ts"
import type { Logger } from "../../ports/logger.ts"
import type { OperationName, Operations, Reply, Request, WorkerSettings } from "./protocol.ts"

interface Waiting {
  resolve(result: unknown): void
  reject(error: unknown): void
}

/**
 * The gateway's database, in a worker thread. Starts at the first request, and again after the thread has died.
 *
 * Requests are answered in order. All of them fail with GatewayError `store_unavailable` when SQLite refuses or the thread dies; a request
 * that the thread died under may or may not have been committed.
 */
export class Database {
  readonly #settings: WorkerSettings
  readonly #logger: Logger
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #closed = false
  #lastId = 0

  constructor(settings: Pick<WorkerSettings, "path"> & Partial<WorkerSettings>, logger: Logger) {
    this.#settings = { readOnly: false, clock: undefined, ...settings }
    this.#logger = logger
  }

  request<Name extends OperationName>(
    operation: Name,
    argument: Operations[Name]["argument"],
  ): Promise<Operations[Name]["result"]> {
    if (this.#closed) return Promise.reject(unavailable("the database is closed"))
    return this.#send(this.#worker ?? this.#start(), operation, argument)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const worker = this.#worker
    if (worker === undefined) return
    try {
      await this.#send(worker, "close", undefined)
    } finally {
      await worker.terminate()
    }
  }

  #send<Name extends OperationName>(
    worker: Worker,
    operation: Name,
    argument: Operations[Name]["argument"],
  ): Promise<Operations[Name]["result"]> {
    this.#lastId += 1
    const id = this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      worker.ref()
      const request: Request<Name> = { id, operation, argument }
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      worker.postMessage(request)
    })
  }

  #start(): Worker {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: this.#settings })
    worker.on("message", (reply: Reply) => this.#settle(reply))
    worker.on("error", (error) => this.#died(worker, error))
    worker.on("exit", () => this.#died(worker, undefined))
    // Only while someone waits does the thread keep the process alive.
    worker.unref()
    this.#worker = worker
    return worker
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if (this.#waiting.size === 0) this.#worker?.unref()
    if (reply.id === 0 && !reply.ok)
      this.#logger.warn({ detail: reply.detail }, "[sqlite] upkeep failed; it is tried again later")
    if (reply.ok) waiting?.resolve(reply.result)
    else waiting?.reject(new GatewayError(reply.code, { detail: reply.detail }))
  }

  #died(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    if (!this.#closed) this.#logger.error({ err: cause }, "[sqlite] the database thread ended")
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const request of waiting) request.reject(unavailable("the database thread ended", cause))
  }
}

function unavailable(what: string, cause?: unknown): GatewayError {
  return new GatewayError("store_unavailable", { detail: `[sqlite] ${what}`, cause })
}
