import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { parentPort, workerData } from "node:worker_threads"
import { KinesisOutcomeStream } from "../../adapters/kinesis/outcome-stream.ts"
import { logFolders } from "../../adapters/ndjson/log-folders.ts"
import { createLogSegments } from "../../adapters/ndjson/log-segments.ts"
import { createPlacedReader } from "../../adapters/ndjson/placed-reader.ts"
import { LogCursorFile } from "../../adapters/node-files/log-cursor.ts"
import { createLineLogger } from "../../adapters/pino/logger.ts"
import { LogShipper } from "../../app/ship-log.ts"
import { machineClock as clock } from "../machine-clock.ts"
import { Calls } from "../threads/calls.ts"
import type { GatewayFunctions, ShippingFunctions, ShippingSettings } from "./functions.ts"

// Entry of the thread that sends the outcome logs to the stream: nothing of it takes time from requests.

const TELL_EVERY_MS = 500
/** As much as a call may hold, and thousands of lines. */
const CHUNK_BYTES = 4 << 20

function runThread(port: NonNullable<typeof parentPort>, { dataDir, stream: name, logLevel }: ShippingSettings): void {
  const shipping = Promise.withResolvers<LogShipper>()
  const functions: ShippingFunctions = {
    drain: async (withinMs) => {
      await (await shipping.promise).stop(withinMs)
      await tell()
      clearInterval(timer)
      stream.close()
    },
  }
  const gateway = new Calls<GatewayFunctions>(port, functions)
  port.on("message", (message) => gateway.receive(message))
  const logger = createLineLogger(logLevel, { write: (line) => gateway.tell("say", line, []) })
  const wait = (ms: number, signal: AbortSignal): Promise<void> => sleep(ms, undefined, { signal })
  const stream = new KinesisOutcomeStream({ stream: name, clock, logger, random: Math.random, sleep: wait })
  const cursors = new LogCursorFile(join(dataDir, "cursors", "kinesis.json"))

  async function start(): Promise<LogShipper> {
    const logs = (await logFolders(dataDir)).map(({ thread, folder }) => ({
      reader: createPlacedReader(folder, CHUNK_BYTES),
      segments: createLogSegments(folder),
      cursor: cursors.cursor(thread),
    }))
    const shipper = new LogShipper({ logs, stream, clock, logger, sleep: wait })
    void shipper.run()
    return shipper
  }

  async function tell(): Promise<void> {
    try {
      const shipper = await shipping.promise
      const backlog = await shipper.backlog()
      gateway.tell("tell", { counts: stream.counts, problem: shipper.problem, backlog }, [])
    } catch (error) {
      logger.error({ err: error }, "the backlog of the stream can't be measured now")
    }
  }

  const timer = setInterval(() => void tell(), TELL_EVERY_MS)
  shipping.resolve(start())
}

if (parentPort !== null) runThread(parentPort, workerData)
