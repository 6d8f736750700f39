import { availableParallelism } from "node:os"
import { resolve } from "node:path"
import type { TextOutput } from "../adapters/pino/lines-for-people.ts"
import { createLogger } from "../adapters/pino/logger.ts"
import { lockFolder } from "../adapters/sqlite/folder-lock.ts"
import { createRecoveringExperiments } from "../app/recovering-store.ts"
import type { Config } from "../config.ts"
import { createGateway } from "./gateway.ts"
import { openKeys } from "./kept-keys.ts"
import { listen, stopListening } from "./listen.ts"
import { machineClock as clock } from "./machine-clock.ts"
import { ModelFolder } from "./model-folder.ts"
import { createNodeParts } from "./node-parts.ts"
import { partStates, recordingFails } from "./part-states.ts"
import { retentionReadings, storageReading } from "./readings.ts"
import { openRecording } from "./recording.ts"
import { type RunningGateway, runGateway, type Start } from "./running-gateway.ts"
import { openShared, type SharedStore, sharedAllocations } from "./shared-store.ts"
import { Storage } from "./storage.ts"
import { startThreads } from "./threads/start-threads.ts"
import { TurnEnd } from "./turn-end.ts"
import { packaged, retainedLogs, Upkeep } from "./upkeep.ts"

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
  const models = new ModelFolder(config.modelsDir ?? packaged("examples/models"), logger)
  const parts = createNodeParts(config, keys, turnEnd)
  const state = { draining: false }
  const gateway = createGateway({
    ...parts.serving,
    recorder,
    counters: store,
    ...(await sharedAllocations(shared, dataDir, logger)),
    experimentStore: createRecoveringExperiments(experimentStore, store),
    endpointOf: (backend) => models.endpoint(backend.model),
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
    },
    readParts: () =>
      partStates(
        {
          draining: state.draining,
          served: gateway.experiments.all().length,
          problems: upkeep.problems,
          keyProblem: keys.problem(),
          shared: shared?.state(),
        },
        recording.state(),
      ),
  })
  const logs = await retainedLogs(dataDir, logger)
  const upkeep = new Upkeep(
    { config, dataDir, storage, keys, models, ...gateway, recovery: store, clock, logger },
    logs,
  )
  await upkeep.publishAll()
  shared?.onPublished(() => upkeep.lookNow())
  const server = parts.createServer(gateway.application, gateway.metrics, () => state.draining)
  const port = await listen(server, config)
  return runGateway({
    config,
    upkeep,
    logger,
    server: {
      port,
      // What kills the only thread kills the process.
      died: new Promise(() => {}),
      drain: () => {
        state.draining = true
      },
      stopListening: () => stopListening(server, config.drainSeconds),
      close: () => recording.close(),
    },
    release: async () => {
      await storage.database.close()
      await shared?.close()
      unlock()
    },
  })
}
