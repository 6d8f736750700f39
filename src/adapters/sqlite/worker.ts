import type { DatabaseSync } from "node:sqlite"
import { type MessagePort, parentPort, workerData } from "node:worker_threads"
import { GatewayError } from "../../domain/errors.ts"
import type { Clock } from "../../ports/clock.ts"
import { Counters } from "./counters.ts"
import type { Connection, Handlers, OperationName, Operations, Reply, Request, WorkerSettings } from "./protocol.ts"
import { Revisions } from "./revisions.ts"
import { openDatabase } from "./schema.ts"
import { Tables } from "./tables.ts"
import { tidyUp } from "./upkeep.ts"

// Entry of the worker thread that owns the database: nothing that SQLite does blocks the event loop.

const TIDY_EVERY_MS = 30_000

/** How long a database that can't be opened is left alone: a full disk is asked often enough. */
const REOPEN_AFTER_MS = 500

interface Opened {
  readonly database: DatabaseSync
  readonly tables: Tables
  readonly upkeep: Upkeep
  readonly counters: Counters
  readonly revisions: Revisions
}

function serve(port: MessagePort, settings: WorkerSettings): void {
  const clock = settings.clock === undefined ? machineClock : sharedClock(settings.clock)
  let opened: Opened | undefined
  let refusal: { readonly error: unknown; readonly atMs: number } | undefined

  /** Opens the database at the first request, and again after it could not be. */
  const open = (): Opened => {
    if (opened !== undefined) return opened
    if (refusal !== undefined && performance.now() - refusal.atMs < REOPEN_AFTER_MS) throw refusal.error
    try {
      const database = openDatabase(settings.path, settings.readOnly)
      const tables = new Tables(database, clock)
      const upkeep = new Upkeep(tables, clock, (error) => port.postMessage(failure(0, "upkeep", error)))
      opened = { database, tables, upkeep, counters: new Counters(tables), revisions: new Revisions(database) }
      return opened
    } catch (error) {
      refusal = { error, atMs: performance.now() }
      throw error
    }
  }
  const timer = settings.readOnly ? undefined : setInterval(() => opened?.upkeep.run(), TIDY_EVERY_MS)

  const handlers: Handlers = {
    fold: (batch) => {
      const { counters, upkeep } = open()
      const answer = counters.fold(batch)
      upkeep.runIfDue()
      return answer
    },
    seen: (keys) => open().counters.seen(keys),
    statistics: ({ experiment, query }) => open().counters.statistics(experiment, query),
    groups: (experiment) => open().counters.groups(experiment),
    calls: (experiment) => open().counters.calls(experiment),
    keep: ({ experiment, resolution }) => {
      open().counters.keep(experiment, resolution)
      return undefined
    },
    alive: ({ log, foldedTo }) => open().counters.alive(log, foldedTo),
    positions: (log) => open().counters.positions(log),
    contents: () => open().counters.contents(),
    pack: () => open().counters.pack(),
    restore: (contents) => {
      open().counters.restore(contents)
      return undefined
    },
    remember: (rewards) => {
      open().counters.remember(rewards)
      return undefined
    },
    reset: () => {
      open().counters.reset()
      return undefined
    },
    latestRevisions: () => open().revisions.latest(),
    newestRevisions: () => open().revisions.newest(),
    history: (experiment) => open().revisions.history(experiment),
    appendRevision: ({ revision, after }) => {
      open().revisions.append(revision, after)
      return undefined
    },
    close: () => {
      clearInterval(timer)
      if (opened === undefined) return undefined
      opened.upkeep.stop()
      if (!settings.readOnly) opened.tables.time.keep()
      opened.database.close()
      return undefined
    },
  }

  const answer = (asker: MessagePort, request: Request): void => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    asker.postMessage(reply(handlers, request))
  }
  port.on("message", (message: Request | Connection) => {
    if ("connect" in message) {
      const { connect: asker } = message
      asker.on("message", (request: Request) => answer(asker, request))
      return
    }
    answer(port, message)
    if (message.operation === "close") port.close()
  })
}

const machineClock: Clock = { now: () => Date.now(), monotonicMs: () => performance.now() }

function sharedClock(shared: SharedArrayBuffer): Clock {
  const times = new Float64Array(shared)
  return { now: () => times[0] as number, monotonicMs: () => times[1] as number }
}

/** Tidies up now and then, step by step: requests that have come meanwhile are answered between two steps. */
class Upkeep {
  readonly #tables: Tables
  readonly #clock: Clock
  readonly #failed: (error: unknown) => void
  #steps: Generator<void> | undefined
  #next: NodeJS.Immediate | undefined
  #doneAt: number

  constructor(tables: Tables, clock: Clock, failed: (error: unknown) => void) {
    this.#tables = tables
    this.#clock = clock
    this.#failed = failed
    this.#doneAt = clock.monotonicMs()
  }

  /** Begins after the requests that are waiting, unless it is at it already. */
  run(): void {
    if (this.#steps !== undefined) return
    this.#steps = tidyUp(this.#tables)
    this.#next = setImmediate(() => this.#step())
  }

  /** A store whose clock is not the machine's is folded into faster than the timer ticks. */
  runIfDue(): void {
    if (this.#clock.monotonicMs() - this.#doneAt >= TIDY_EVERY_MS) this.run()
  }

  stop(): void {
    clearImmediate(this.#next)
  }

  #step(): void {
    let done = true
    try {
      done = this.#steps?.next().done ?? true
    } catch (error) {
      this.#failed(error)
    }
    if (done) {
      this.#steps = undefined
      this.#doneAt = this.#clock.monotonicMs()
    } else this.#next = setImmediate(() => this.#step())
  }
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
