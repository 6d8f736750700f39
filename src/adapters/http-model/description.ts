import type { HttpBackend } from "../../domain/backends/backend.ts"
import { misfitsOf } from "../../domain/backends/misfits.ts"
import { readSignature } from "../../domain/backends/signature.ts"
import type { HttpTarget } from "../../domain/backends/target.ts"
import { GatewayError } from "../../domain/errors.ts"
import type { Clock } from "../../ports/clock.ts"
import type { ModelDescription } from "../../ports/model-endpoint.ts"
import type { ModelCalls, OutboundResult } from "../../ports/outbound-http.ts"
import { jsonOf } from "./wire.ts"

/** Longer than any server takes that is well; edits wait for it. */
const ANSWER_WITHIN_MS = 2_000
/** An edit asks several times for what it needs once. */
const KEPT_MS = 1_000
/** How soon a server that didn't say is asked again, by whoever looks. */
const AGAIN_AFTER_MS = 10_000

/** A model at an HTTP server, and what sends its calls. */
export interface DescribedModel {
  readonly backend: HttpBackend
  readonly target: HttpTarget
  readonly calls: ModelCalls
  readonly clock: Clock
}

/** What the server of one model says of it, and how that fits the document. Asked off the request path. */
export class Description {
  readonly #model: Omit<DescribedModel, "clock">
  readonly #path: string
  readonly #clock: Clock
  #last: ModelDescription | undefined
  #lastMs = Number.NEGATIVE_INFINITY
  #underWay: Promise<ModelDescription> | undefined

  /** @param path where the server keeps its metadata */
  constructor({ clock, ...model }: DescribedModel, path: string) {
    this.#model = model
    this.#path = path
    this.#clock = clock
  }

  /** Asks, unless somebody just did. Never rejects. */
  async ask(): Promise<ModelDescription> {
    if (this.#last !== undefined && this.#age < KEPT_MS) return this.#last
    this.#underWay ??= this.#ask().finally(() => {
      this.#underWay = undefined
    })
    return await this.#underWay
  }

  /** What came of it last. A server that didn't say is asked again in the background, once in a while. */
  last(): ModelDescription | undefined {
    if (this.#last?.signature === undefined && this.#age >= AGAIN_AFTER_MS) void this.ask()
    return this.#last
  }

  get #age(): number {
    return this.#clock.monotonicMs() - this.#lastMs
  }

  async #ask(): Promise<ModelDescription> {
    const { target, calls } = this.#model
    const headers = { ...target.headers, accept: "application/json" }
    const request = { method: "GET", path: this.#path, headers, body: undefined } as const
    this.#last = this.#read(await calls.look(request, ANSWER_WITHIN_MS))
    this.#lastMs = this.#clock.monotonicMs()
    return this.#last
  }

  #read(result: OutboundResult): ModelDescription {
    const { backend, target } = this.#model
    if (!result.ok) {
      return { ...unread(`its server can't be asked (${result.failure}: ${result.error.message})`), reached: false }
    }
    const { status } = result.answer
    if (status !== 200) return unread(`its server has no metadata (status ${status} for ${this.#path})`)
    const signature = readSignature(target.protocol, documentOf(result.answer))
    if (signature === undefined) return unread("its server's metadata describes no inputs or outputs")
    return { signature, misfits: misfitsOf(backend, target.protocol, signature), unread: undefined, reached: true }
  }
}

function unread(why: string): ModelDescription {
  return { signature: undefined, misfits: [], unread: why, reached: true }
}

/** Undefined for what is no JSON. */
function documentOf(answer: Parameters<typeof jsonOf>[0]): unknown {
  try {
    return jsonOf(answer)
  } catch (error) {
    if (error instanceof GatewayError) return undefined
    throw error
  }
}
