import { type MessagePort, Worker } from "node:worker_threads"
import type { Logger } from "../../ports/logger.ts"
import { type DatabaseRequests, OpenRequests, unavailable } from "./open-requests.ts"
import type { Connection, OperationName, Operations, Reply, WorkerSettings } from "./protocol.ts"

/**
 * The gateway's database, in a worker thread. Starts at the first request, and again after the thread has died.
 *
 * Requests are answered in order. All of them fail with GatewayError `store_unavailable` when SQLite refuses or the thread dies; a request
 * that the thread died under may or may not have been committed.
 */
export class Database implements DatabaseRequests {
  readonly #settings: WorkerSettings
  readonly #logger: Logger
  readonly #open = new OpenRequests()
  #worker: Worker | undefined
  #closed = false

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

  /** Lets another thread ask through a port of its own (`DatabasePort`). The port closes when the database's thread ends. */
  connect(port: MessagePort): void {
    if (this.#closed) {
      port.close()
      return
    }
    const connection: Connection = { connect: port }
    const worker = this.#worker ?? this.#start()
    worker.postMessage(connection, [port])
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
    worker.ref()
    return this.#open.send(worker, operation, argument)
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
    this.#open.settle(reply)
    if (this.#open.isEmpty) this.#worker?.unref()
    if (reply.id === 0 && !reply.ok)
      this.#logger.warn({ detail: reply.detail }, "[sqlite] upkeep failed; it is tried again later")
  }

  #died(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    if (!this.#closed) this.#logger.error({ err: cause }, "[sqlite] the database thread ended")
    this.#open.fail(cause)
  }
}
