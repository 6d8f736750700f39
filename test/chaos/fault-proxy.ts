import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import { Transform, type TransformCallback } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"

/** What a network may do to the bytes between a client and its server. Several may act at once. */
export interface Faults {
  /** Each chunk waits this long, and up to `jitterMs` longer, in both directions. */
  readonly latencyMs?: number
  readonly jitterMs?: number
  /** Bytes a second, in both directions. */
  readonly bandwidth?: number
  /** Chunks are cut into pieces of at most so many bytes. */
  readonly sliceBytes?: number
  /** Bytes are taken and go nowhere; connections stay open. */
  readonly blackHole?: boolean
  /** New connections are reset, and those that are open. */
  readonly refuse?: boolean
  /** Probability that a reply from the server is cut somewhere and its connection reset: what was asked for has happened. */
  readonly cutReply?: number
}

/** Uniform in [0, 1). */
type Random = () => number

/**
 * A TCP proxy in this process that stands before one server and makes its network worse, on purpose and from a seed. The faults in force are
 * those last given to `suffer`, for connections that are open as well.
 */
export class FaultProxy {
  readonly port: number
  /** How many replies were cut. */
  cuts = 0
  readonly #server: Server
  readonly #random: Random
  readonly #sockets = new Set<Socket>()
  #target: number
  #faults: Faults = {}

  private constructor(server: Server, target: number, random: Random) {
    this.#server = server
    this.#target = target
    this.#random = random
    this.port = (server.address() as AddressInfo).port
  }

  /** @param target port on loopback */
  static async start(target: number, random: Random): Promise<FaultProxy> {
    const server = createServer()
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    const proxy = new FaultProxy(server, target, random)
    server.on("connection", (client) => proxy.#join(client))
    return proxy
  }

  /** Connections that are opened from now on go to another server; those that are open stay where they are. */
  leadTo(target: number): void {
    this.#target = target
  }

  suffer(faults: Faults): void {
    this.#faults = faults
    if (faults.refuse === true) for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  heal(): void {
    const wasBlack = this.#faults.blackHole === true
    this.#faults = {}
    // Bytes that went nowhere leave both ends waiting for each other: such a connection is of no use any more.
    if (wasBlack) for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, "close")
  }

  #join(client: Socket): void {
    if (this.#faults.refuse === true) {
      client.resetAndDestroy()
      return
    }
    const server = connect(this.#target, "127.0.0.1")
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on("error", () => other.destroy())
      socket.on("close", () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    client.pipe(this.#worse(server, false)).pipe(server)
    server.pipe(this.#worse(client, true)).pipe(client)
  }

  /** @param to where the bytes go @param replies whether they are a server's */
  #worse(to: Socket, replies: boolean): Transform {
    const pass = async (chunk: Buffer, push: (piece: Buffer) => void): Promise<void> => {
      const { latencyMs = 0, jitterMs = 0, bandwidth, sliceBytes, blackHole, cutReply = 0 } = this.#faults
      if (blackHole === true) return
      if (latencyMs + jitterMs > 0) await sleep(latencyMs + jitterMs * this.#random())
      if (bandwidth !== undefined) await sleep((1000 * chunk.length) / bandwidth)
      if (replies && this.#random() < cutReply) {
        this.cuts += 1
        push(chunk.subarray(0, Math.floor(chunk.length * this.#random())))
        // After what was pushed has left: a reset would take it along.
        setImmediate(() => to.resetAndDestroy())
        return
      }
      const size = sliceBytes ?? chunk.length
      for (let from = 0; from < chunk.length; from += size) {
        push(chunk.subarray(from, from + size))
        if (sliceBytes !== undefined) await sleep(0)
      }
    }
    return new Transform({
      async transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) {
        await pass(chunk, (piece) => this.push(piece))
        done()
      },
    })
  }
}
