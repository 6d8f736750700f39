import type { Socket } from "node:net"

const LOOK_EVERY_MS = 20

/**
 * Connections whose peers were refused and told to wait: nothing is read from them for nearly as long. Refusing costs half of what an embedded
 * prediction does, most of it Node's own reading and writing, so that answering every request of peers that don't wait would take the time of the
 * predictions. What such a peer sends meanwhile stays in the system's buffers.
 */
export class RestingConnections {
  readonly #until = new Map<Socket, number>()
  /** Whose rest has just ended, until what they had already sent is read. */
  readonly #back = new Set<Socket>()
  readonly #restMs: number
  readonly #nowMs: () => number
  #timer: NodeJS.Timeout | undefined

  /** @param restMs how long a connection rests at most; each rests for half of it and a random part of the other half */
  constructor(restMs: number, nowMs: () => number) {
    this.#restMs = restMs
    this.#nowMs = nowMs
  }

  get count(): number {
    return this.#until.size
  }

  rest(socket: Socket): void {
    if (socket.destroyed) return
    socket.pause()
    this.#until.set(socket, this.#nowMs() + this.#restMs * (0.5 + Math.random() / 2))
    this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS).unref()
  }

  /** Whether what is read from a connection was sent while it rested. */
  sentWhileResting(socket: Socket): boolean {
    return this.#back.size > 0 && this.#back.has(socket)
  }

  #look(): void {
    const nowMs = this.#nowMs()
    for (const [socket, untilMs] of this.#until) {
      if (untilMs > nowMs && !socket.destroyed) continue
      this.#until.delete(socket)
      if (socket.destroyed) continue
      this.#back.add(socket)
      socket.resume()
    }
    // Timers, then reading, then immediates: what had been sent has been read by then.
    if (this.#back.size > 0) setImmediate(() => this.#back.clear())
    if (this.#until.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
