import { GatewayError } from "../../domain/errors.ts"
import type { OperationName, Operations, Reply, Request } from "./protocol.ts"

/** The gateway's database, from whichever thread it is asked. */
export interface DatabaseRequests {
  /** Requests of one asker are answered in order. @throws GatewayError `store_unavailable` when SQLite refuses or its thread has ended */
  request<Name extends OperationName>(
    operation: Name,
    argument: Operations[Name]["argument"],
  ): Promise<Operations[Name]["result"]>
  close(): Promise<void>
}

interface Waiting {
  resolve(result: unknown): void
  reject(error: unknown): void
}

/** Requests that were sent to the database's thread and that it has not answered yet. */
export class OpenRequests {
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0

  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  send<Name extends OperationName>(
    channel: { postMessage(request: Request): void },
    operation: Name,
    argument: Operations[Name]["argument"],
  ): Promise<Operations[Name]["result"]> {
    this.#lastId += 1
    const id = this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      const request: Request<Name> = { id, operation, argument }
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      channel.postMessage(request)
    })
  }

  settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if (reply.ok) waiting?.resolve(reply.result)
    else waiting?.reject(new GatewayError(reply.code, { detail: reply.detail }))
  }

  /** Nothing will be answered any more: the thread has ended. */
  fail(cause: unknown): void {
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const request of waiting) request.reject(unavailable("the database thread ended", cause))
  }
}

export function unavailable(what: string, cause?: unknown): GatewayError {
  return new GatewayError("store_unavailable", { detail: `[sqlite] ${what}`, cause })
}
