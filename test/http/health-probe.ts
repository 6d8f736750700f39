import { setTimeout as sleep } from "node:timers/promises"
import { parentPort, workerData } from "node:worker_threads"
import { askUntilClosed } from "./raw-exchange.ts"

/** How long `/healthz` took, connecting included, in milliseconds. */
export interface Health {
  readonly medianMs: number
  /** Nine of ten answers took no longer. */
  readonly mostMs: number
  readonly worstMs: number
  /** Answers that were none, or not 200. */
  readonly failed: number
}

const { port, times: count } = workerData as { readonly port: number; readonly times: number }

async function ask(): Promise<boolean> {
  const answer = await askUntilClosed(port, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
  return answer.startsWith("HTTP/1.1 200 ")
}

const times: number[] = []
let failed = 0
for (let i = 0; i < count; i++) {
  const startedMs = performance.now()
  if (!(await ask())) failed++
  times.push(performance.now() - startedMs)
  await sleep(10)
}
const sorted = times.toSorted((a, b) => a - b)
const health: Health = {
  medianMs: sorted[Math.floor(count * 0.5)] ?? 0,
  mostMs: sorted[Math.floor(count * 0.9)] ?? 0,
  worstMs: sorted.at(-1) ?? 0,
  failed,
}
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort?.postMessage(health)
