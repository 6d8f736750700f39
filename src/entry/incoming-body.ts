import type { IncomingMessage, ServerResponse } from "node:http"
import { getHeapStatistics } from "node:v8"
import { GatewayError } from "../domain/errors.ts"
import { tooLarge } from "../http/read-body.ts"
import { TurnEnd } from "./turn-end.ts"
import { Turns } from "./turns.ts"

/** What became of bodies since the start. */
export interface BodyCounts {
  /** Requests whose peer went away before the body was whole. */
  readonly aborted: number
  /** Requests refused because too many bytes of bodies were held already. */
  readonly refused: number
}

/** Buffers up to this size are every connection's right; larger ones come out of what all share. */
const FREE_BYTES = 65_536
/** A body of 1 MiB arrives in 700 packets. More pieces than this are meant to cost: each is an event. */
const MAX_PIECES = 4096

/** Work on a body of this size takes milliseconds: one of them for each round of the event loop. */
const LARGE_BYTES = 16_384

const DISCARD_MS = 500

/** Told of a request's body: when it is whole and waits for its turn, and when that has come. */
export interface BodyProgress {
  whole(): void
  begin(): void
}

/** Reads bodies from Node's own requests: a Request in between would copy them twice. */
export class IncomingBodies {
  readonly #sharedBytes: number
  readonly #turnEnd: TurnEnd
  readonly #large = new Turns()
  #heldBytes = 0
  #aborted = 0
  #refused = 0

  /**
   * @param sharedBytes how much bodies larger than 64 KiB may take together. Default: an eighth of the heap's limit
   * @param turnEnd when small bodies are handed over: all of a turn together
   */
  constructor(sharedBytes: number = getHeapStatistics().heap_size_limit / 8, turnEnd: TurnEnd = new TurnEnd()) {
    this.#sharedBytes = sharedBytes
    this.#turnEnd = turnEnd
  }

  get counts(): BodyCounts {
    return { aborted: this.#aborted, refused: this.#refused }
  }

  /** @throws GatewayError `bad_request` when the connection closes before the body is whole, `payload_too_large`, `overloaded` */
  read(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    maxBytes: number,
    progress?: BodyProgress,
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => this.#read({ incoming, outgoing, maxBytes, progress, resolve, reject }))
  }

  #read({ incoming, outgoing, maxBytes, progress, resolve, reject }: Reading): void {
    let first: Buffer | undefined
    let pieces = 0
    let gathered: Gathered | undefined
    const stop = (): void => {
      incoming.off("data", onData)
      this.#heldBytes -= gathered?.sharedBytes ?? 0
      gathered = undefined
      first = undefined
    }
    const refuse = (error: GatewayError): void => {
      stop()
      reject(error)
    }
    // The rest of such a body would cost as much as what was refused.
    const refuseAndClose = (error: GatewayError): void => {
      outgoing.shouldKeepAlive = false
      incoming.socket.pause()
      refuse(error)
    }
    const onData = (chunk: Buffer): void => {
      pieces++
      if (first === undefined) {
        if (chunk.length > maxBytes) refuse(tooLarge(maxBytes))
        else first = chunk
        return
      }
      gathered ??= new Gathered(first)
      if (gathered.length + chunk.length > maxBytes) {
        refuse(tooLarge(maxBytes))
        return
      }
      if (pieces > MAX_PIECES) {
        refuseAndClose(new GatewayError("payload_too_large", { detail: "The body comes in too many small pieces." }))
        return
      }
      this.#heldBytes += gathered.add(chunk, maxBytes)
      if (gathered.sharedBytes > 0 && this.#heldBytes > this.#sharedBytes) {
        this.#refused++
        refuseAndClose(new GatewayError("overloaded"))
      }
    }
    incoming.on("data", onData)
    incoming.on("end", () => {
      const bytes = gathered?.bytes() ?? first ?? EMPTY
      const handOver = (): void => {
        stop()
        progress?.begin()
        resolve(bytes)
      }
      progress?.whole()
      if (bytes.length < LARGE_BYTES) this.#turnEnd.work(handOver)
      else this.#large.add(handOver)
    })
    incoming.on("error", (cause) => {
      this.#aborted++
      refuse(new GatewayError("bad_request", { detail: "The connection closed before the body was whole.", cause }))
    })
  }
}

interface Reading {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  readonly maxBytes: number
  readonly progress: BodyProgress | undefined
  readonly resolve: (bytes: Uint8Array) => void
  readonly reject: (error: GatewayError) => void
}

/** What is left of a body whose request is answered comes and goes, for a while: a long one costs more than a new connection. */
export function discardRest(incoming: IncomingMessage): void {
  incoming.resume()
  const timer = setTimeout(() => incoming.socket.destroySoon(), DISCARD_MS)
  incoming.once("close", () => clearTimeout(timer))
}

const EMPTY = new Uint8Array(0)

/** Pieces of a body in one buffer that grows: a list of them would cost a hundred bytes a piece, however small. */
class Gathered {
  length: number
  #buffer: Buffer
  /** How much of the buffer is more than every connection's right. */
  sharedBytes = 0

  constructor(first: Buffer) {
    this.#buffer = Buffer.allocUnsafe(Math.max(4096, 2 * first.length))
    this.length = first.copy(this.#buffer)
  }

  /** @returns by how many bytes `sharedBytes` grew */
  add(piece: Buffer, maxBytes: number): number {
    const before = this.sharedBytes
    const needed = this.length + piece.length
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.min(maxBytes, Math.max(needed, 2 * this.#buffer.length)))
      this.#buffer.copy(grown, 0, 0, this.length)
      this.#buffer = grown
      this.sharedBytes = Math.max(0, grown.length - FREE_BYTES)
    }
    piece.copy(this.#buffer, this.length)
    this.length = needed
    return this.sharedBytes - before
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.length)
  }
}
