import { parentPort, workerData } from "node:worker_threads"
import { createLineLogger } from "../../adapters/pino/logger.ts"
import { createSqliteCounterStore } from "../../adapters/sqlite/counter-store.ts"
import { DatabasePort } from "../../adapters/sqlite/database-port.ts"
import { createSqliteExperimentStore } from "../../adapters/sqlite/experiment-store.ts"
import { withDeadlines } from "../../app/deadline.ts"
import type { ManageKeys } from "../../app/manage-keys.ts"
import { ServedExperiments } from "../../app/served-experiments.ts"
import { TIMED_OUT, within } from "../../app/within.ts"
import { GatewayError } from "../../domain/errors.ts"
import { Metrics } from "../../http/metrics.ts"
import { watchTargets } from "../../http/target-gauges.ts"
import type { Logger } from "../../ports/logger.ts"
import { createServing } from "../gateway.ts"
import { listen, stopListening } from "../listen.ts"
import { machineClock as clock } from "../machine-clock.ts"
import { createNodeParts } from "../node-parts.ts"
import { modelsState, recordingFails, serverState, targetsState } from "../part-states.ts"
import { storageReading } from "../readings.ts"
import { openRecording, type RecordingOptions } from "../recording.ts"
import { openSharedStore } from "../shared-store.ts"
import { Targets } from "../targets.ts"
import { TurnEnd } from "../turn-end.ts"
import { Calls } from "./calls.ts"
import type { ControlFunctions, ServingFunctions, ThreadSettings } from "./functions.ts"
import { fromPlain, replanned } from "./plain-served.ts"

// Entry of a thread that serves: it answers requests and has a log of its own. All else is the control thread's.

/** How long a scrape or a probe waits for the control thread. */
const CONTROL_WITHIN_MS = 2_000

type Control = Calls<ControlFunctions>

async function openThread(settings: ThreadSettings, control: Control) {
  const { thread, threads, dataDir, config, keys } = settings
  const logger = createLineLogger(config.logLevel, { write: (line) => control.tell("say", line, []) })
  const stores = await openStores(config, control, logger)
  const turnEnd = new TurnEnd()
  const recording = await openRecording({
    dataDir,
    thread,
    ...stores,
    durability: config.rewardDurability,
    turnEnd,
    clock,
    logger,
  })
  const { recorder, store } = recording
  const experiments = new ServedExperiments(config.defaultExperiment)
  const manageKeys: ManageKeys = {
    list: () => control.call("listKeys", undefined),
    make: (wish, actor) => control.call("makeKey", { wish, actor }),
    revoke: (id, actor) => control.call("revokeKey", { id, actor }),
  }
  const parts = createNodeParts(config, keys, manageKeys, turnEnd, logger)
  const targets = await Targets.open({ targets: settings.targets, threads, clock, random: Math.random })
  const state = { draining: false }
  const metrics = new Metrics(
    { ...storageReading(() => recordingFails(recording.state())), ...recording.readings, ...parts.readings },
    () => inTime(control.call("expose", undefined)),
  )
  watchTargets(metrics.registry, () => targets.guards)
  const application = createServing({
    ...parts.serving,
    experiments,
    metrics,
    recorder,
    counters: store,
    experimentStore: stores.experimentStore,
    // Whoever edits waits for as long as the control thread takes: an edit that was given up may still be made.
    editExperiment: (command) => control.call("edit", command),
    audit: {
      read: (query) => inTime(control.call("readAudit", query)),
      note: async (record) => control.tell("noteRefusal", record, []),
    },
    logger,
    // Its own word on draining is the newest.
    readParts: async () => ({
      ...(await inTime(control.call("readParts", undefined))),
      server: serverState(state.draining),
      ...targetsState(targets.guards),
      ...modelsState(experiments.all()),
    }),
  })
  const server = parts.createServer(application, metrics, () => state.draining)

  const functions: Omit<ServingFunctions, "open"> = {
    recover: () => store.recover(),
    flush: () => recorder.flush(),
    logRevision: (event) => recorder.recordExperiment(event),
    logAudit: (event) => recorder.recordAudit(event),
    learn: ({ experiment, definitions }) => experiments.learn(experiment, definitions),
    serve: (plain) => {
      const known = experiments.all().flatMap(({ endpoints }) => endpoints)
      experiments.publish(fromPlain(plain, known, (backend) => targets.endpointOf(backend)))
      const served = experiments.all().flatMap(({ snapshot }) => snapshot.experiment.variants)
      targets.forgetUnused(served.map(({ backend }) => backend))
    },
    replan: (plan) => {
      const served = experiments.get(plan.experiment)
      if (served !== undefined) experiments.publish(replanned(served, plan))
    },
    remove: (id) => experiments.remove(id),
    putInForce: parts.putInForce,
    listen: (port) => listen(server, { host: config.host, port }, true),
    drain: () => {
      state.draining = true
    },
    stopListening: () => stopListening(server, config.drainSeconds),
    close: async () => {
      await targets.close()
      await recording.close()
    },
    metrics: () => metrics.registry.getMetricsAsJSON(),
    state: () => recording.state(),
  }
  return { functions, isRecovered: () => store.recovered }
}

/** The store that this thread folds into: that of the control thread, or the one that gateways share. */
async function openStores(
  { redis, rewardDurability }: ThreadSettings["config"],
  control: Control,
  logger: Logger,
): Promise<Pick<RecordingOptions, "archive" | "experimentStore" | "prepare">> {
  const prepare = () => control.call("prepare", undefined)
  if (redis !== undefined) {
    const { archive, experimentStore } = await openSharedStore(redis, rewardDurability, clock, logger)
    const learn = async () => {
      archive.know(await control.call("know", undefined))
      await prepare()
    }
    return { archive, experimentStore: withDeadlines(experimentStore), prepare: learn }
  }
  const database = new DatabasePort((port) => control.tell("connectDatabase", port, [port]))
  return {
    archive: createSqliteCounterStore(database),
    experimentStore: withDeadlines(createSqliteExperimentStore(database)),
    prepare,
  }
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  const given = await within(answer, CONTROL_WITHIN_MS)
  if (given !== TIMED_OUT) return given
  throw new GatewayError("overloaded", { detail: "The control thread doesn't answer now." })
}

function runThread(port: NonNullable<typeof parentPort>, settings: ThreadSettings): void {
  const own = {
    open: async (): Promise<boolean> => {
      const { functions, isRecovered } = await openThread(settings, control)
      Object.assign(own, functions)
      return isRecovered()
    },
  }
  const control: Control = new Calls(port, own)
  port.on("message", (message) => control.receive(message))
}

if (parentPort !== null) runThread(parentPort, workerData)
