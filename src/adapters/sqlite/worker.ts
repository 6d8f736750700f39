import { type MessagePort, parentPort, workerData } from "node:worker_threads"
import { GatewayError } from "../../domain/errors.ts"
import { Counters } from "./counters.ts"
import type { Handlers, OperationName, Operations, Reply, Request, WorkerSettings } from "./protocol.ts"
import { Revisions } from "./revisions.ts"
import { openDatabase } from "./schema.ts"
import { tidyUp } from "./upkeep.ts"

// Entry of the worker thread that owns the database: nothing that SQLite does blocks the event loop.

const TIDY_EVERY_MS = 30_000
/** A rebuild adds rewards of long ago, each a row of its own, faster than the clock ticks. */
const TIDY_EVERY_REWARDS = 50_000

function serve(port: MessagePort, settings: WorkerSettings): void {
  const database = openDatabase(settings.path, settings.readOnly)
  const counters = new Counters(database, settings.creditSeconds)
  const revisions = new Revisions(database)
  let rewardsSinceTidy = 0

  const tidy = (): void => {
    rewardsSinceTidy = 0
    try {
      tidyUp(database, Date.now() / 1000)
      counters.tableChanged()
    } catch (error) {
      port.postMessage(failure(0, "upkeep", error))
    }
  }
  const timer = settings.readOnly ? undefined : setInterval(tidy, TIDY_EVERY_MS)

  const handlers: Handlers = {
    fold: (batch) => {
      const answers = counters.fold(batch, Date.now() / 1000)
      rewardsSinceTidy += batch.rewards.length
      // After the answer: this fold is committed, whatever becomes of the upkeep.
      if (rewardsSinceTidy > TIDY_EVERY_REWARDS) setImmediate(tidy)
      return answers
    },
    seen: (keys) => counters.seen(keys),
    statistics: (question) => counters.statistics(question),
    position: () => counters.position(),
    contents: () => counters.contents(),
    reset: () => {
      counters.reset()
      return undefined
    },
    latestRevisions: () => revisions.latest(),
    appendRevision: (revision) => {
      revisions.append(revision)
      return undefined
    },
    close: () => {
      clearInterval(timer)
      database.close()
      return undefined
    },
  }

  port.on("message", (request: Request) => {
    port.postMessage(reply(handlers, request))
    if (request.operation === "close") port.close()
  })
}

function reply(handlers: Handlers, request: Request): Reply {
  try {
    return { id: request.id, ok: true, result: call(handlers, request) }
  } catch (error) {
    return failure(request.id, request.operation, error)
  }
}

function failure(id: number, work: string, error: unknown): Reply {
  if (error instanceof GatewayError) return { id, ok: false, code: error.code, detail: error.message }
  const detail = error instanceof Error ? error.message : String(error)
  return { id, ok: false, code: "store_unavailable", detail: `[sqlite] ${work}: ${detail}` }
}

function call<Name extends OperationName>(handlers: Handlers, request: Request<Name>): Operations[Name]["result"] {
  return handlers[request.operation](request.argument)
}

if (parentPort !== null) serve(parentPort, workerData)
