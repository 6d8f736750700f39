import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { getHeapStatistics } from "node:v8"
import { Turns } from "./turns.ts"

/** What all peers together, and each of them, may hold. */
export interface PeerLimits {
  /** Connections open at once; the next one takes the place of the least useful. */
  readonly connections: number
  /** Requests of one connection that wait for the answer to an earlier one. */
  readonly waitingOfOne: number
  /** The same over all connections. */
  readonly waitingOfAll: number
  /** Bytes of answers that peers have not taken yet, over all connections. */
  readonly untakenBytes: number
  /** How long a peer may take to take one answer. */
  readonly takeAnswerMs: number
}

/** What became of peers since the start. */
export interface PeerCounts {
  /** Open now. */
  readonly connections: number
  /** Closed because the peer did not take its answers, or because too much was queued for peers. */
  readonly stalled: number
  /** Closed because too many requests waited on the connection. */
  readonly flooding: number
  /** Closed to make room, or not taken at all, because too many were open. */
  readonly crowdedOut: number
}

const MAX_CONNECTIONS = 5000
const MAX_WAITING_OF_ONE = 128
const TAKE_ANSWER_MS = 10_000
const LOOK_EVERY_MS = 500
/** How long a connection that was refused may take to hear so. */
const LINGER_MS = 1000

/** A connection with its current request, measured: 5 KB; with the most and shortest headers, 16 KB. Four times that. */
const BYTES_OF_ONE_CONNECTION = 65_536
/** A waiting request, measured: 1.6 KB; with the most and shortest headers, 8 KB. */
const BYTES_OF_ONE_REQUEST = 8192

/** Limits that a heap of this size survives: connections may use a quarter of it, waiting requests and answers a sixteenth each. */
export function limitsFor(heapBytes: number): PeerLimits {
  const waitingOfAll = Math.floor(heapBytes / 16 / BYTES_OF_ONE_REQUEST)
  return {
    connections: Math.min(MAX_CONNECTIONS, Math.floor(heapBytes / 4 / BYTES_OF_ONE_CONNECTION)),
    waitingOfOne: Math.min(MAX_WAITING_OF_ONE, Math.floor(waitingOfAll / 8)),
    waitingOfAll,
    untakenBytes: Math.floor(heapBytes / 16),
    takeAnswerMs: TAKE_ANSWER_MS,
  }
}

export function limitsForThisProcess(): PeerLimits {
  return limitsFor(getHeapStatistics().heap_size_limit)
}

type Serve = (request: IncomingMessage, response: ServerResponse) => void

/** A request whose turn has not come, or the last word on a connection. */
type Turn =
  | { readonly request: IncomingMessage; readonly response: ServerResponse; readonly serve: Serve }
  | { readonly lastWord: string }

/** One connection: the answer under way, or the last one, and the requests that came meanwhile. */
interface Peer {
  readonly socket: Socket
  request: IncomingMessage | undefined
  answer: ServerResponse | undefined
  readonly waiting: Turn[]
  /** Whether its last word is said or waits to be: nothing that comes after is read. */
  ending: boolean
  /** The answer that was not taken when last looked at, and since when. */
  untaken: ServerResponse | undefined
  untakenSinceMs: number
}

const PEER = Symbol("peer")
type PeerSocket = Socket & { [PEER]?: Peer }

/**
 * The connections of a server, so that none of them takes more than its share of memory or time.
 *
 * Requests of one connection are answered in turn: the next one reaches the application when the peer has taken the answer before it. A peer that
 * sends and never reads holds one answer and a bounded number of requests that nothing was done for yet.
 */
export class Peers {
  readonly #limits: PeerLimits
  /** In the order in which they came. */
  readonly #peers = new Set<Peer>()
  readonly #nowMs: () => number
  readonly #turns = new Turns()
  #waiting = 0
  #stalled = 0
  #flooding = 0
  #crowdedOut = 0

  constructor(limits: PeerLimits, nowMs: () => number = () => performance.now()) {
    this.#limits = limits
    this.#nowMs = nowMs
  }

  get counts(): PeerCounts {
    return {
      connections: this.#peers.size,
      stalled: this.#stalled,
      flooding: this.#flooding,
      crowdedOut: this.#crowdedOut,
    }
  }

  /** Watches a server's connections until it closes. */
  watch(server: Server): void {
    server.prependListener("connection", (socket) => this.#welcome(socket))
    const timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
    timer.unref()
    server.on("close", () => clearInterval(timer))
  }

  /** Serves a request now, or when the answers before it on its connection have been taken. Runs on every request. */
  take(request: IncomingMessage, response: ServerResponse, serve: Serve): void {
    const peer = (request.socket as PeerSocket)[PEER]
    if (peer === undefined || peer.ending) return
    const { answer, waiting } = peer
    if (waiting.length === 0 && (answer === undefined || answer.writableFinished)) {
      peer.request = request
      peer.answer = response
      serve(request, response)
      return
    }
    if (waiting.length >= this.#limits.waitingOfOne || this.#waiting >= this.#limits.waitingOfAll) {
      this.#flooding++
      peer.ending = true
      peer.socket.destroy()
      stopParsing(peer.socket)
      return
    }
    this.#wait(peer, { request, response, serve })
  }

  /** Says a last word on a connection, after the answers that are still to come, and closes it, whether or not the peer listens. */
  dismiss(socket: Socket, lastWord: string): void {
    const peer = (socket as PeerSocket)[PEER]
    if (peer === undefined || peer.ending) {
      socket.destroy()
      return
    }
    peer.ending = true
    const { request, answer, waiting } = peer
    const answered = answer === undefined || answer.writableFinished
    // A request that never became whole is what the last word is about.
    const isAboutThisRequest = answer?.headersSent === false && request?.complete === false
    if (waiting.length === 0 && (answered || isAboutThisRequest)) {
      sayLastWord(socket, lastWord)
      return
    }
    this.#wait(peer, { lastWord })
  }

  #welcome(socket: PeerSocket): void {
    // Node takes its own listener away when it hands a connection over (CONNECT, upgrade); an error that nobody hears ends the process.
    socket.on("error", () => socket.destroy())
    if (this.#peers.size >= this.#limits.connections && !this.#makeRoom()) {
      this.#crowdedOut++
      socket.destroy()
      return
    }
    const peer: Peer = {
      socket,
      request: undefined,
      answer: undefined,
      waiting: [],
      ending: false,
      untaken: undefined,
      untakenSinceMs: 0,
    }
    socket[PEER] = peer
    this.#peers.add(peer)
    socket.once("close", () => {
      this.#peers.delete(peer)
      this.#waiting -= peer.waiting.length
      peer.waiting.length = 0
    })
  }

  #wait(peer: Peer, turn: Turn): void {
    peer.waiting.push(turn)
    this.#waiting++
    // What has arrived is enough for now: the rest waits on the peer's side.
    peer.socket.pause()
    if (peer.waiting.length === 1) this.#continueAfter(peer, peer.answer)
  }

  /** Those who asked one thing come before those who asked many: waiting requests of all peers are served one for each round of the event loop. */
  #continueAfter(peer: Peer, answer: ServerResponse | undefined): void {
    answer?.once("close", () => this.#turns.add(() => this.#next(peer)))
  }

  #next(peer: Peer): void {
    const turn = peer.waiting.shift()
    if (turn === undefined) return
    this.#waiting--
    if (peer.socket.destroyed) return
    if ("lastWord" in turn) {
      sayLastWord(peer.socket, turn.lastWord)
      return
    }
    const { request, response, serve } = turn
    peer.request = request
    peer.answer = response
    if (peer.waiting.length > 0) this.#continueAfter(peer, response)
    else peer.socket.resume()
    serve(request, response)
  }

  /** Closes the connections of peers that don't take their answers in time, and of those that hold most where all hold too much. */
  #look(): void {
    const nowMs = this.#nowMs()
    const holding: Peer[] = []
    let untakenBytes = 0
    for (const peer of this.#peers) {
      const { answer, socket } = peer
      if (answer === undefined || !answer.writableEnded || answer.writableFinished) {
        peer.untaken = undefined
        continue
      }
      if (peer.untaken !== answer) {
        peer.untaken = answer
        peer.untakenSinceMs = nowMs
      } else if (nowMs - peer.untakenSinceMs >= this.#limits.takeAnswerMs) {
        this.#cut(peer)
        continue
      }
      untakenBytes += socket.writableLength
      holding.push(peer)
    }
    if (untakenBytes <= this.#limits.untakenBytes) return
    for (const peer of holding.toSorted((a, b) => b.socket.writableLength - a.socket.writableLength)) {
      untakenBytes -= peer.socket.writableLength
      this.#cut(peer)
      if (untakenBytes <= this.#limits.untakenBytes) return
    }
  }

  #cut(peer: Peer): void {
    this.#stalled++
    peer.socket.destroy()
  }

  /**
   * Closes some of the connections that do least: first those that don't take an answer, then those that never asked anything, then those whose
   * request is incomplete, then idle ones; of a kind the oldest. A connection that is being served is never closed.
   */
  #makeRoom(): boolean {
    const wanted = Math.ceil(this.#limits.connections / 64)
    const kinds: [Peer[], Peer[], Peer[], Peer[]] = [[], [], [], []]
    for (const peer of this.#peers) {
      const kind = dispensability(peer)
      if (kind !== undefined) kinds[kind].push(peer)
    }
    const chosen = kinds.flat().slice(0, wanted)
    for (const peer of chosen) {
      this.#crowdedOut++
      // Gone from the count at once: "close" comes later, and the next connection is counted before.
      this.#peers.delete(peer)
      peer.socket.destroy()
    }
    return chosen.length > 0
  }
}

function dispensability({ request, answer }: Peer): 0 | 1 | 2 | 3 | undefined {
  if (request === undefined || answer === undefined) return 1
  if (!answer.writableFinished && answer.writableEnded) return 0
  if (!request.complete) return 2
  return answer.writableFinished ? 3 : undefined
}

function sayLastWord(socket: Socket, lastWord: string): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  socket.end(lastWord)
  // Closed at once, what the peer still sends would make its system throw the answer away.
  socket.resume()
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once("close", () => clearTimeout(timer))
}

/**
 * Node parses a packet to its end whatever becomes of its connection, and makes a request and a response of each message: 50 ms for a packet full of
 * the shortest requests. This answer from its own hook (which upgrades use) ends the parsing at the current message. Where a version of Node has no
 * such hook, the packet is parsed to its end.
 */
function stopParsing(socket: Socket): void {
  const parser: unknown = Reflect.get(socket, "parser")
  if (typeof parser === "object" && parser !== null && "onIncoming" in parser) parser.onIncoming = () => 2
}
