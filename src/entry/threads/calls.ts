import type { Transferable } from "node:worker_threads"
import { type ErrorCode, GatewayError, type InputError } from "../../domain/errors.ts"

/** A side of a channel between two threads: a port, or a worker. */
interface Side {
  postMessage(message: Message, transfer?: readonly Transferable[]): void
}

/** What one side does for the other: one argument each, and what they return is answered. */
type Functions = { readonly [Name in string]: (argument: never) => unknown }

export type Argument<Own, Name extends keyof Own> = Own[Name] extends (argument: infer Given) => unknown ? Given : never
export type Result<Own, Name extends keyof Own> = Own[Name] extends (...given: never) => infer Given
  ? Awaited<Given>
  : never

/** `id` 0: nobody waits for an answer. */
type Message =
  | { readonly id: number; readonly name: string; readonly argument: unknown }
  | { readonly id: number; readonly ok: true; readonly result: unknown }
  | Failure

interface Failure {
  readonly id: number
  readonly ok: false
  readonly code: ErrorCode
  readonly detail?: string
  readonly errors?: readonly InputError[]
  /** Of what it was caused by: for the log, and for whoever starts the gateway. */
  readonly cause?: string
}

interface Waiting {
  resolve(result: unknown): void
  reject(error: GatewayError): void
}

/** Calls between two threads, both ways over one channel. Calls arrive in the order in which they were made. */
export class Calls<Theirs extends object> {
  readonly #side: Side
  readonly #own: Functions
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0

  /** @param own what the other side may call */
  constructor(side: Side, own: object) {
    this.#side = side
    this.#own = own as Functions
  }

  /** @throws GatewayError as the function threw it; `internal` for any other error, and where the other thread has ended */
  call<Name extends keyof Theirs & string>(
    name: Name,
    argument: Argument<Theirs, Name>,
  ): Promise<Result<Theirs, Name>> {
    this.#lastId += 1
    const id = this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#post({ id, name, argument })
    })
  }

  /** Calls and waits for no answer. */
  tell<Name extends keyof Theirs & string>(
    name: Name,
    argument: Argument<Theirs, Name>,
    transfer: readonly Transferable[],
  ): void {
    this.#post({ id: 0, name, argument }, transfer)
  }

  /** What came over the channel. */
  receive(message: Message): void {
    if ("name" in message) {
      void this.#answer(message.id, message.name, message.argument)
      return
    }
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (message.ok) waiting?.resolve(message.result)
    else waiting?.reject(toError(message))
  }

  /** The other thread has ended: whoever waits for it hears so. */
  fail(detail: string): void {
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const caller of waiting) caller.reject(new GatewayError("internal", { detail }))
  }

  async #answer(id: number, name: string, argument: unknown): Promise<void> {
    try {
      const result = await this.#own[name]?.(argument as never)
      if (id !== 0) this.#post({ id, ok: true, result })
    } catch (error) {
      // An error that nobody waits for is this thread's own.
      if (id === 0) throw error
      this.#post({ id, ok: false, ...described(error) })
    }
  }

  #post(message: Message, transfer: readonly Transferable[] = []): void {
    this.#side.postMessage(message, transfer)
  }
}

function described(error: unknown): Omit<Failure, "id" | "ok"> {
  if (!(error instanceof GatewayError)) {
    return { code: "internal", cause: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
  const { code, detail, errors, cause } = error
  return {
    code,
    ...(detail === undefined ? {} : { detail }),
    ...(errors === undefined ? {} : { errors }),
    ...(cause instanceof Error ? { cause: cause.message } : {}),
  }
}

function toError({ code, detail, errors, cause }: Failure): GatewayError {
  return new GatewayError(code, {
    ...(detail === undefined ? {} : { detail }),
    ...(errors === undefined ? {} : { errors }),
    ...(cause === undefined ? {} : { cause: new Error(cause) }),
  })
}
