import { join } from "node:path"
import { Registry } from "prom-client"
import { DocumentParser } from "../../adapters/experiment-folder/document-parser.ts"
import { createYamlReader } from "../../adapters/experiment-folder/yaml-text.ts"
import { AuditFile } from "../../adapters/ndjson/audit-log.ts"
import { AuditTrail } from "../../app/audit-trail.ts"
import { withDeadlines } from "../../app/deadline.ts"
import { createEditExperiment } from "../../app/edit-experiment.ts"
import type { LiveKey } from "../../app/manage-keys.ts"
import { Publisher } from "../../app/publish.ts"
import { Reallocator } from "../../app/reallocate.ts"
import { createRecoveringExperiments } from "../../app/recovering-store.ts"
import { within } from "../../app/within.ts"
import { watchExperiments, watchReadings } from "../../http/gauges.ts"
import type { PartState } from "../../http/routes/health.ts"
import { Backends } from "../backends.ts"
import { openKeys } from "../kept-keys.ts"
import { createKeyManagement, keyStoreOf } from "../key-management.ts"
import { requireFreePort } from "../listen.ts"
import { machineClock as clock } from "../machine-clock.ts"
import { ModelFolder } from "../model-folder.ts"
import { partStates, recordingOfAll } from "../part-states.ts"
import { retentionReadings, storageReading } from "../readings.ts"
import { type RunningGateway, runGateway } from "../running-gateway.ts"
import { sharedAllocations } from "../shared-store.ts"
import { shippingOf } from "../shipping/stream-shipping.ts"
import type { Start } from "../start.ts"
import { Storage } from "../storage.ts"
import { configuredTargets, Targets } from "../targets.ts"
import { AUDIT_FILE, packaged, retainedLogs, Upkeep } from "../upkeep.ts"
import type { ControlFunctions } from "./functions.ts"
import { ProcessState } from "./process-state.ts"
import { ServingThreads } from "./serving-threads.ts"
import { ToldExperiments } from "./told-experiments.ts"

/** What the log and the counters of a thread may take to close, beyond its requests: twice what its recorder gives them, and a little. */
const CLOSE_WITHIN_MS = 12_000

/** How long an edit waits until every thread serves it. A thread that takes longer follows. */
const TELL_WITHIN_MS = 2_000

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
    know: () => storage.know(),
    readParts: async () => ({ ...(await readParts()), threads: threadsState(count, experiments.untold) }),
    expose: () => state.expose(),
    listKeys: () => apiKeys.list(),
    makeKey: ({ wish, actor }) => apiKeys.make(wish, actor),
    revokeKey: ({ id, actor }) => apiKeys.revoke(id, actor),
    edit: async (command) => {
      const result = await editExperiment(command)
      await within(experiments.told(), TELL_WITHIN_MS)
      return result
    },
    readAudit: (query) => audit.read(query),
    noteRefusal: (record) => audit.note(record),
    say: (line) => logger.take(line),
  }
  const { signingKeys, unitKey } = keys
  const targets = await configuredTargets(config)
  const threads = new ServingThreads(
    count,
    { dataDir, config, targets, threads: count, keys: { signingKeys, unitKey } },
    control,
  )
  const state = new ProcessState(threads, registry)
  const tellKeys = (live: readonly LiveKey[]) => threads.callAll("putInForce", live)
  const audit = new AuditTrail({
    log: new AuditFile(join(dataDir, AUDIT_FILE)),
    // One log of them is enough: a head that is missed is told by the next.
    stream: async (event) => await Promise.any(threads.callEach("logAudit", event)),
    clock,
    logger,
  })
  const apiKeys = createKeyManagement(keyStoreOf(shared, dataDir, logger), audit, tellKeys, logger)
  const experiments = new ToldExperiments(config.defaultExperiment, threads)
  const recovery = new ThreadsRecovery(threads)
  const backends = new Backends(
    new ModelFolder(config.modelsDir ?? packaged("examples/models"), logger),
    // Only to look at documents: the serving threads call.
    await Targets.open({ targets, threads: count, clock, random: Math.random }),
  )
  const counters = withDeadlines(storage.archive)
  const store = createRecoveringExperiments(storage.experimentStore, recovery)
  const { allocations, lastAllocation } = await sharedAllocations(shared, dataDir, logger)
  const publisher = new Publisher({
    experiments,
    store,
    counters,
    audit,
    lastAllocation,
    recorder: {
      // Each log is read without the others: all have every revision.
      recordExperiment: async (event) => void (await threads.callAll("logRevision", event)),
    },
    endpointOf: (backend) => backends.endpointOf(backend),
    clock,
    logger,
    keyId: signingKeys[0].id,
  })
  const reallocator = new Reallocator({ experiments, counters, allocations, clock, logger })
  const parts = {
    config,
    dataDir,
    storage,
    keys,
    backends,
    apiKeys,
    experiments,
    publisher,
    reallocator,
    recovery,
    flush: () => threads.callAll("flush", undefined),
    clock,
    logger,
  }
  const shipping = shippingOf(start)
  let upkeep: Upkeep | undefined
  const parser = new DocumentParser()
  const editExperiment = createEditExperiment({
    publisher,
    store,
    counters,
    check: (backend) => backends.check(backend),
    fileOf: (id) => upkeep?.fileOf(id),
    readYaml: createYamlReader((text) => parser.parse(text)),
    clock,
  })

  const readParts = async () =>
    partStates(
      {
        draining: draining.now,
        served: experiments.all().length,
        problems: upkeep?.problems ?? 0,
        keyProblem: keys.problem(),
        stream: shipping?.part,
        shared: shared?.state(storage.losses),
      },
      recordingOfAll(await state.recordings()),
    )

  async function run(): Promise<RunningGateway> {
    await recovery.open()
    await apiKeys.open()
    upkeep = new Upkeep(parts, await retainedLogs(dataDir, logger))
    const { retained } = upkeep
    watchExperiments(registry, experiments, counters, clock)
    watchReadings(registry, {
      ...storageReading(() => keys.problem() !== undefined),
      ...retentionReadings(
        () => retained,
        () => storage.lostFiles,
      ),
      ...shipping?.readings,
    })
    await upkeep.publishAll()
    shared?.onPublished(() => upkeep?.lookNow())
    await experiments.told()
    await requireFreePort(config)
    const port = await threads.listen(config.port)
    shipping?.start()
    return runGateway({
      ...start,
      upkeep,
      shipping,
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
          await within(audit.close(), CLOSE_WITHIN_MS)
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
