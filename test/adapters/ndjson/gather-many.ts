import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { GatheredLogs } from "#src/adapters/ndjson/gathered-logs.ts"
import { placeMember } from "#src/domain/placed-line.ts"
import { decisionEvent } from "#test/outcomes.ts"

// Gathers many lines in a process of its own, and prints how much memory that took after a fifth of them and in the end.

const [lines = 0, logs = 1] = process.argv.slice(2).map(Number)
const LINES_OF_A_FILE = 40_000
const LINES_OF_A_CHUNK = 8_000
const LINES_OF_A_BLOCK = 2_500

const text = JSON.stringify(decisionEvent({ decisionId: "D0000000" }))
const lineBytes = text.length + 1
const folder = mkdtempSync(join(tmpdir(), "bandit-gather-"))

/** What is in memory and not garbage: buffers that a collection finds dead are freed a little later, by another thread. */
async function bytesKept(): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let look = 0; look < 5; look++) {
    globalThis.gc?.()
    await sleep(20)
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    least = Math.min(least, heapUsed + arrayBuffers)
  }
  return least
}

/** A line of one of the logs as the stream has it. */
function shipped(log: number, number: number): string {
  const [file, index] = [1 + Math.floor(number / LINES_OF_A_FILE), number % LINES_OF_A_FILE]
  const before = file === 1 ? { file: 0, offset: 0 } : { file: file - 1, offset: LINES_OF_A_FILE * lineBytes }
  const place = {
    log: String.fromCharCode(65 + log).repeat(22),
    end: { file, offset: (index + 1) * lineBytes },
    after: index === 0 ? before : undefined,
  }
  const line = text.replaceAll("D0000000", `D${String(number).padStart(7, "0")}`)
  return `${line.slice(0, -1)}${placeMember(place)}\n`
}

/** Every line twice, of all logs in turns; those that follow each other in a log may come thousands of lines apart. */
function* orders(): Generator<readonly [log: number, number: number]> {
  for (let begin = 0; begin < lines / logs; begin += LINES_OF_A_BLOCK) {
    for (let step = 0; step < 2 * LINES_OF_A_BLOCK; step++) {
      // A prime: every number of the block comes.
      const number = begin + ((step * 7_919) % LINES_OF_A_BLOCK)
      for (let log = 0; log < logs; log++) yield [log, number]
    }
  }
}

try {
  const gathered = new GatheredLogs(folder)
  let chunk: string[] = []
  let taken = 0
  let early = 0
  for (const [log, number] of orders()) {
    chunk.push(shipped(log, number))
    if (chunk.length < LINES_OF_A_CHUNK) continue
    await gathered.take(Buffer.from(chunk.join("")))
    taken += chunk.length
    chunk = []
    if (early === 0 && taken > (2 * lines) / 5) early = await bytesKept()
  }
  await gathered.take(Buffer.from(chunk.join("")))
  const grownBytes = (await bytesKept()) - early
  let events = 0
  let runs = 0
  for (const log of await gathered.logs()) {
    for (const { reader } of log.runs) {
      runs += 1
      for await (const read of reader.read(undefined, undefined)) events += read.lines.length
    }
  }
  const peakKiB = process.resourceUsage().maxRSS
  process.stdout.write(JSON.stringify({ events, runs, logBytes: lines * lineBytes, grownBytes, peakKiB }))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
