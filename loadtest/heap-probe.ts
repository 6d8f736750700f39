import { setTimeout as wait } from "node:timers/promises"
import * as z from "zod"
import { type HeapKinds, kindsIn } from "./heap-kinds.ts"

const TRIES = 100
const TRY_EVERY_MS = 100
const MAIN = "main"

const targetsSchema = z.array(z.object({ webSocketDebuggerUrl: z.string() }))
const messageSchema = z.object({
  id: z.number().optional(),
  error: z.object({ message: z.string() }).optional(),
  result: z.object({ result: z.object({ value: z.unknown() }).optional() }).optional(),
  method: z.string().optional(),
  params: z
    .object({
      sessionId: z.string().optional(),
      message: z.string().optional(),
      workerInfo: z.object({ title: z.string() }).optional(),
      chunk: z.string().optional(),
    })
    .optional(),
})

/** What a thread says of its own memory: V8's spaces with what lives in each, and what objects hold outside the heap. */
const ASK = `({
  spaces: process.getBuiltinModule("v8").getHeapSpaceStatistics().map((space) => [space.space_name, space.space_used_size]),
  outside: process.memoryUsage().external,
})`
const answerSchema = z.object({ spaces: z.array(z.tuple([z.string(), z.number()])), outside: z.number() })

/** What a thread keeps alive, in bytes. */
export interface LiveMemory {
  /** Objects on the heap. */
  readonly heap: number
  /** Compiled code and bytecode: made with use, thrown away without. */
  readonly code: number
  /** What objects hold outside the heap: buffers, and what Node itself has for them. */
  readonly outside: number
}

/** Looks into the heaps of a Node process that was started with `--inspect`: each of its threads has one. */
export interface HeapProbe {
  /** By thread (`main`, and workers by their titles): what lives after everything else was collected. */
  live(): Promise<ReadonlyMap<string, LiveMemory>>
  /** What lives on the heap of each thread, by kind. Takes seconds, and memory beside the heap for as long as the process lives. */
  kinds(): Promise<ReadonlyMap<string, HeapKinds>>
  close(): void
}

/** @param port of `--inspect`, on the loopback address */
export async function probeHeap(port: number): Promise<HeapProbe> {
  const socket = new WebSocket(await debuggerUrl(port))
  await new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }))
  const main = new ThreadSession((text) => socket.send(text))
  const workers = new Map<string, { readonly name: string; readonly session: ThreadSession }>()
  main.onEvent = (method, { sessionId = "", workerInfo, message = "" }) => {
    if (method === "NodeWorker.attachedToWorker") {
      const send = (text: string): void => {
        void main.call("NodeWorker.sendMessageToWorker", { sessionId, message: text })
      }
      workers.set(sessionId, { name: workerInfo?.title ?? sessionId, session: new ThreadSession(send) })
    } else if (method === "NodeWorker.receivedMessageFromWorker") workers.get(sessionId)?.session.receive(message)
    else if (method === "NodeWorker.detachedFromWorker") {
      workers.get(sessionId)?.session.fail(new Error("the thread has ended"))
      workers.delete(sessionId)
    }
  }
  socket.addEventListener("message", ({ data }) => main.receive(String(data)))
  socket.addEventListener("close", () => {
    for (const { session } of [{ session: main }, ...workers.values()]) session.fail(new Error("the gateway has ended"))
  })
  await main.call("NodeWorker.enable", { waitForDebuggerOnStart: false })

  /** One thread after the other: they share the processor. */
  async function ofEach<Found>(look: (session: ThreadSession) => Promise<Found>): Promise<Map<string, Found>> {
    const found = new Map<string, Found>()
    for (const { name, session } of [{ name: MAIN, session: main }, ...workers.values()]) {
      found.set(name, await look(session))
    }
    return found
  }

  return {
    live: () => ofEach((session) => session.live()),
    kinds: () => ofEach((session) => session.kinds()),
    close: () => socket.close(),
  }
}

type Message = z.infer<typeof messageSchema>

/** Asks the inspector of one thread. */
class ThreadSession {
  /** Told of what is not an answer. */
  onEvent: (method: string, params: NonNullable<Message["params"]>) => void = () => {}
  readonly #send: (text: string) => void
  readonly #waiting = new Map<number, PromiseWithResolvers<NonNullable<Message["result"]>>>()
  #asked = 0
  #chunks: string[] = []

  constructor(send: (text: string) => void) {
    this.#send = send
  }

  async live(): Promise<LiveMemory> {
    await this.call("HeapProfiler.collectGarbage")
    const { result } = await this.call("Runtime.evaluate", { expression: ASK, returnByValue: true })
    const { spaces, outside } = answerSchema.parse(result?.value)
    let [heap, code] = [0, 0]
    for (const [name, bytes] of spaces) {
      if (name.startsWith("code_") || name.startsWith("trusted_")) code += bytes
      else heap += bytes
    }
    return { heap, code, outside }
  }

  async kinds(): Promise<HeapKinds> {
    this.#chunks = []
    await this.call("HeapProfiler.takeHeapSnapshot", { reportProgress: false })
    return kindsIn(this.#chunks.splice(0).join(""))
  }

  call(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<NonNullable<Message["result"]>> {
    this.#asked += 1
    const answer = Promise.withResolvers<NonNullable<Message["result"]>>()
    this.#waiting.set(this.#asked, answer)
    this.#send(JSON.stringify({ id: this.#asked, method, params }))
    return answer.promise
  }

  receive(text: string): void {
    const { id, error, result = {}, method, params = {} } = messageSchema.parse(JSON.parse(text))
    if (method !== undefined) {
      if (params.chunk === undefined) this.onEvent(method, params)
      else this.#chunks.push(params.chunk)
      return
    }
    const waiting = this.#waiting.get(id ?? 0)
    this.#waiting.delete(id ?? 0)
    if (error === undefined) waiting?.resolve(result)
    else waiting?.reject(new Error(error.message))
  }

  /** Nothing will be answered any more. */
  fail(error: Error): void {
    for (const one of this.#waiting.values()) one.reject(error)
    this.#waiting.clear()
  }
}

async function debuggerUrl(port: number): Promise<string> {
  for (let left = TRIES; ; left--) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/json/list`)
      const [target] = targetsSchema.parse(await response.json())
      if (target !== undefined) return target.webSocketDebuggerUrl
    } catch (cause) {
      // fetch throws TypeError while nobody listens yet.
      if (!(cause instanceof TypeError) || left === 0) throw cause
    }
    await wait(TRY_EVERY_MS)
  }
}
