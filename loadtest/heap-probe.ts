import { setTimeout as wait } from "node:timers/promises"
import * as z from "zod"

const TRIES = 100
const TRY_EVERY_MS = 100

const targetsSchema = z.array(z.object({ webSocketDebuggerUrl: z.string() }))
const answerSchema = z.object({
  id: z.number().optional(),
  result: z.object({ usedSize: z.number().optional() }).optional(),
})

/** Looks into the heap of a Node process that was started with `--inspect`. */
export interface HeapProbe {
  /** Bytes that live after everything else was collected, of the process' main thread. */
  liveBytes(): Promise<number>
  close(): void
}

/** @param port of `--inspect`, on the loopback address */
export async function probeHeap(port: number): Promise<HeapProbe> {
  const socket = new WebSocket(await debuggerUrl(port))
  const waiting = new Map<number, PromiseWithResolvers<number>>()
  let asked = 0
  socket.addEventListener("message", ({ data }) => {
    const { id = 0, result } = answerSchema.parse(JSON.parse(String(data)))
    waiting.get(id)?.resolve(result?.usedSize ?? 0)
    waiting.delete(id)
  })
  socket.addEventListener("close", () => {
    for (const one of waiting.values()) one.reject(new Error("the gateway has ended"))
  })
  await new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }))
  const call = (method: string): Promise<number> => {
    asked += 1
    const answer = Promise.withResolvers<number>()
    waiting.set(asked, answer)
    socket.send(JSON.stringify({ id: asked, method }))
    return answer.promise
  }
  return {
    liveBytes: async () => {
      await call("HeapProfiler.collectGarbage")
      return await call("Runtime.getHeapUsage")
    },
    close: () => socket.close(),
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
