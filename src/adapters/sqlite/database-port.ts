import { MessageChannel, type MessagePort } from "node:worker_threads"
import { type DatabaseRequests, OpenRequests, unavailable } from "./open-requests.ts"
import type { OperationName, Operations, Reply } from "./protocol.ts"

/**
 * The database of another thread, asked directly. Connects at the first request, and again after the database's thread has died: requests fare
 * then as those of `Database`.
 */
export class DatabasePort implements DatabaseRequests {
  readonly #connect: (port: MessagePort) => void
  readonly #open = new OpenRequests()
  #port: MessagePort | undefined
  #closed = false

  /** @param connect hands the port, to be transferred, to whoever has the database: `Database.connect` */
  constructor(connect: (port: MessagePort) => void) {
    this.#connect = connect
  }

  request<Name extends OperationName>(
    operation: Name,
    argument: Operations[Name]["argument"],
  ): Promise<Operations[Name]["result"]> {
    if (this.#closed) return Promise.reject(unavailable("the database is closed"))
    return this.#open.send(this.#port ?? this.#newPort(), operation, argument)
  }

  /** Closes the connection alone: others may be asking the database still. */
  async close(): Promise<void> {
    this.#closed = true
    this.#port?.close()
  }

  #newPort(): MessagePort {
    const { port1: own, port2: theirs } = new MessageChannel()
    own.on("message", (reply: Reply) => this.#open.settle(reply))
    own.on("close", () => {
      if (this.#port === own) this.#port = undefined
      this.#open.fail(undefined)
    })
    this.#port = own
    this.#connect(theirs)
    return own
  }
}
