import { availableParallelism } from "node:os"
import { join, resolve } from "node:path"
import { DocumentParser } from "../adapters/experiment-folder/document-parser.ts"
import { AuditFile } from "../adapters/ndjson/audit-log.ts"
import type { TextOutput } from "../adapters/pino/lines-for-people.ts"
import { createLogger } from "../adapters/pino/logger.ts"
import { lockFolder } from "../adapters/sqlite/folder-lock.ts"
import { AuditTrail } from "../app/audit-trail.ts"
import { createRecoveringExperiments } from "../app/recovering-store.ts"
import type { Config } from "../config.ts"
import { watchTargets } from "../http/target-gauges.ts"
import { Backends } from "./backends.ts"
import { createGateway } from "./gateway.ts"
import { openKeys } from "./kept-keys.ts"
import { createKeyManagement, keyStoreOf } from "./key-management.ts"
import { listen, stopListening } from "./listen.ts"
import { machineClock as clock } from "./machine-clock.ts"
import { ModelFolder } from "./model-folder.ts"
import { createNodeParts } from "./node-parts.ts"
import { modelsState, partStates, recordingFails, targetsState } from "./part-states.ts"
import { retentionReadings, storageReading } from "./readings.ts"
import { openRecording } from "./recording.ts"
import { type RunningGateway, runGateway } from "./running-gateway.ts"
import { openShared, type SharedStore, sharedAllocations } from "./shared-store.ts"
import { shippingOf } from "./shipping/stream-shipping.ts"
import type { Start } from "./start.ts"
import { Storage } from "./storage.ts"
import { configuredTargets, Targets } from "./targets.ts"
import { startThreads } from "./threads/start-threads.ts"
import { TurnEnd } from "./turn-end.ts"
import { AUDIT_FILE, packaged, retainedLogs, Upkeep } from "./upkeep.ts"

/**
 * Starts the gateway on Node.
 *
 * @param terminal where the log goes for people to read; without one it is JSON lines on standard output
 * @param warnings what the log says first: of the settings, what the user should look at
 * @throws ConfigError or GatewayError `config_invalid` for what the user can mend: settings, documents, a folder in use, an address in use
 */
export async function startGateway(
  config: Config,
  terminal?: TextOutput,
  warnings: readonly string[] = [],
): Promise<RunningGateway> {
  const logger = createLogger(config.logLevel, terminal)
  for (const warning of warnings) logger.warn({}, warning)
  const dataDir = resolve(config.dataDir)
  const lock = await lockFolder(dataDir)
  let shared: SharedStore | undefined
  try {
    shared = await openShared(config, logger)
    const threads = config.threads === "auto" ? Math.max(1, availableParallelism() - 1) : config.threads
    const start = { config, dataDir, logger, shared, unlock: () => lock.release() }
    const running = await (threads === 1 ? startInThisThread(start) : startThreads(start, threads))
    const { address } = running
    logger.info({ address, dataDir, threads }, "serving")
    return running
  } catch (error) {
    await shared?.close()
    lock.release()
    throw error
  }
}

async function startInThisThread({ config, dataDir, logger, shared, unlock }: Start): Promise<RunningGateway> {
  const storage = new Storage({ dataDir, threads: 1, shared, clock, logger })
  const { archive, experimentStore } = storage
  const prepare = () => storage.prepare()
  const turnEnd = new TurnEnd()
  const recording = await openRecording({
    dataDir,
    thread: 1,
    archive,
    experimentStore,
    durability: config.rewardDurability,
    prepare,
    turnEnd,
    clock,
    logger,
  })
  const { recorder, store } = recording
  const keys = await openKeys(config, dataDir, logger)
  const targets = await Targets.open({
    targets: await configuredTargets(config),
    threads: 1,
    clock,
    random: Math.random,
  })
  const backends = new Backends(new ModelFolder(config.modelsDir ?? packaged("examples/models"), logger), targets)
  const audit = new AuditTrail({
    log: new AuditFile(join(dataDir, AUDIT_FILE)),
    stream: (event) => recorder.recordAudit(event),
    clock,
    logger,
  })
  const keyStore = keyStoreOf(shared, dataDir, logger)
  const apiKeys = createKeyManagement(keyStore, audit, (live) => parts.putInForce(live), logger)
  const parts = createNodeParts(config, keys, apiKeys, turnEnd, logger)
  await apiKeys.open()
  const state = { draining: false }
  const shipping = shippingOf({ config, dataDir, logger })
  const parser = new DocumentParser()
  const gateway = createGateway({
    ...parts.serving,
    recorder,
    counters: store,
    ...(await sharedAllocations(shared, dataDir, logger)),
    experimentStore: createRecoveringExperiments(experimentStore, store),
    endpointOf: (backend) => backends.endpointOf(backend),
    check: (backend) => backends.check(backend),
    fileOf: (id) => upkeep.fileOf(id),
    parseText: (text) => parser.parse(text),
    audit,
    logger,
    defaultExperiment: config.defaultExperiment,
    readings: {
      ...storageReading(() => recordingFails(recording.state()) || keys.problem() !== undefined),
      ...recording.readings,
      ...retentionReadings(
        () => upkeep.retained,
        () => storage.lostFiles,
      ),
      ...parts.readings,
      ...shipping?.readings,
    },
    readParts: () => ({
      ...partStates(
        {
          draining: state.draining,
          served: gateway.experiments.all().length,
          problems: upkeep.problems,
          keyProblem: keys.problem(),
          stream: shipping?.part,
          shared: shared?.state(storage.losses),
        },
        recording.state(),
      ),
      ...targetsState(targets.guards),
      ...modelsState(gateway.experiments.all()),
    }),
  })
  watchTargets(gateway.metrics.registry, () => targets.guards)
  const logs = await retainedLogs(dataDir, logger)
  const flush = () => recorder.flush()
  const upkeep = new Upkeep(
    { config, dataDir, storage, keys, apiKeys, backends, ...gateway, recovery: store, flush, clock, logger },
    logs,
  )
  await upkeep.publishAll()
  shared?.onPublished(() => upkeep.lookNow())
  const server = parts.createServer(gateway.application, gateway.metrics, () => state.draining)
  const port = await listen(server, config)
  shipping?.start()
  return runGateway({
    config,
    upkeep,
    shipping,
    logger,
    server: {
      port,
      // What kills the only thread kills the process.
      died: new Promise(() => {}),
      drain: () => {
        state.draining = true
      },
      stopListening: () => stopListening(server, config.drainSeconds),
      close: async () => {
        await audit.close()
        await recording.close()
      },
    },
    release: async () => {
      await targets.close()
      await storage.database.close()
      await shared?.close()
      unlock()
    },
  })
}
