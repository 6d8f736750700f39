import { Registry } from "prom-client"
import { withDeadlines } from "../../app/deadline.ts"
import { Publisher } from "../../app/publish.ts"
import { Reallocator } from "../../app/reallocate.ts"
import { createRecoveringExperiments } from "../../app/recovering-store.ts"
import { within } from "../../app/within.ts"
import { watchExperiments, watchReadings } from "../../http/gauges.ts"
import type { PartState } from "../../http/routes/health.ts"
import { openKeys } from "../kept-keys.ts"
import { requireFreePort } from "../listen.ts"
import { machineClock as clock } from "../machine-clock.ts"
import { ModelFolder } from "../model-folder.ts"
import { partStates, recordingOfAll } from "../part-states.ts"
import { retentionReadings, storageReading } from "../readings.ts"
import { type RunningGateway, runGateway, type Start } from "../running-gateway.ts"
import { sharedAllocations } from "../shared-store.ts"
import { Storage } from "../storage.ts"
import { packaged, retainedLogs, Upkeep } from "../upkeep.ts"
import type { ControlFunctions } from "./functions.ts"
import { ProcessState } from "./process-state.ts"
import { ServingThreads } from "./serving-threads.ts"
import { ToldExperiments } from "./told-experiments.ts"

/** What the log and the counters of a thread may take to close, beyond its requests: twice what its recorder gives them, and a little. */
const CLOSE_WITHIN_MS = 12_000

/**
 * Starts threads that serve, on one port and each with a log of its own. Store, documents and reallocation stay in this one, the control
 * thread, which answers nobody.
 *
 * @param count at least 2
 * @throws as `startGateway`
 */
export async function startThreads(start: Start, count: number): Promise<RunningGateway> {
  const { config, dataDir, logger, shared } = start
  const storage = new Storage({ dataDir, threads: count, shared, clock, logger })
  const keys = await openKeys(config, dataDir, logger)
  const registry = new Registry()
  const draining = { now: false }
  const control: ControlFunctions = {
    connectDatabase: (port) => storage.database.connect(port),
    prepare: () => storage.prepare(),
    readParts: async () => ({ ...(await readParts()), threads: threadsState(count, experiments.untold) }),
    expose: () => state.expose(),
    say: (line) => logger.take(line),
  }
  const { signingKeys, unitKey } = keys
  const threads = new ServingThreads(count, { dataDir, config, keys: { signingKeys, unitKey } }, control)
  const state = new ProcessState(threads, registry)
  const experiments = new ToldExperiments(config.defaultExperiment, threads)
  const recovery = new ThreadsRecovery(threads)
  const models = new ModelFolder(config.modelsDir ?? packaged("examples/models"), logger)
  const counters = withDeadlines(storage.archive)
  const { allocations, lastAllocation } = await sharedAllocations(shared, dataDir, logger)
  const publisher = new Publisher({
    experiments,
    store: createRecoveringExperiments(storage.experimentStore, recovery),
    counters,
    lastAllocation,
    recorder: {
      // Each log is read without the others: all have every revision.
      recordExperiment: async (event) => void (await threads.callAll("logRevision", event)),
    },
    endpointOf: (backend) => models.endpoint(backend.model),
    clock,
    logger,
    keyId: signingKeys[0].id,
  })
  const reallocator = new Reallocator({ experiments, counters, allocations, clock, logger })
  const parts = { config, dataDir, storage, keys, models, experiments, publisher, reallocator, recovery, clock, logger }
  let upkeep: Upkeep | undefined

  const readParts = async () =>
    partStates(
      {
        draining: draining.now,
        served: experiments.all().length,
        problems: upkeep?.problems ?? 0,
        keyProblem: keys.problem(),
        shared: shared?.state(),
      },
      recordingOfAll(await state.recordings()),
    )

  async function run(): Promise<RunningGateway> {
    await recovery.open()
    upkeep = new Upkeep(parts, await retainedLogs(dataDir, logger))
    const { retained } = upkeep
    watchExperiments(registry, experiments, counters, clock)
    watchReadings(registry, {
      ...storageReading(() => keys.problem() !== undefined),
      ...retentionReadings(
        () => retained,
        () => storage.lostFiles,
      ),
    })
    await upkeep.publishAll()
    shared?.onPublished(() => upkeep?.lookNow())
    await experiments.told()
    await requireFreePort(config)
    const port = await threads.listen(config.port)
    return runGateway({
      ...start,
      upkeep,
      server: {
        port,
        died: threads.died,
        drain: () => {
          draining.now = true
          void threads.callAll("drain", undefined)
        },
        // A thread that hangs must not keep the process.
        stopListening: async () => {
          await within(threads.callAll("stopListening", undefined), config.drainSeconds * 1000 + CLOSE_WITHIN_MS)
        },
        close: async () => {
          await within(threads.callAll("close", undefined), CLOSE_WITHIN_MS)
        },
      },
      release: async () => {
        await end()
        start.unlock()
      },
    })
  }

  async function end(): Promise<void> {
    await threads.end()
    await storage.database.close()
    await shared?.close()
  }

  try {
    // Whoever waits for a thread that has ended would learn less of why.
    return await Promise.race([run(), threads.died.then((error) => Promise.reject(error))])
  } catch (error) {
    await end()
    throw error
  }
}

/** Whether all threads have folded what earlier starts left in their logs. */
class ThreadsRecovery {
  readonly #threads: ServingThreads
  recovered = false

  constructor(threads: ServingThreads) {
    this.#threads = threads
  }

  /** Opens every thread's log and tries for the first time. */
  async open(): Promise<void> {
    this.recovered = (await this.#threads.callAll("open", undefined)).every((recovered) => recovered)
  }

  async recover(): Promise<void> {
    if (this.recovered) return
    await this.#threads.callAll("recover", undefined)
    this.recovered = true
  }
}

function threadsState(count: number, untold: number): PartState {
  const detail =
    untold === 0 ? `${count} serve` : `${count} serve, ${untold} experiments not yet by their newest revision`
  return { ready: untold === 0, required: false, detail }
}
