import { hash, randomFillSync } from "node:crypto"
import type { AddressInfo } from "node:net"
import { join, resolve } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { ExperimentFolder } from "../adapters/experiment-folder/folder.ts"
import { createLogSegments } from "../adapters/ndjson/log-segments.ts"
import { openOutcomeLog } from "../adapters/ndjson/outcome-log.ts"
import { createOutcomeReader } from "../adapters/ndjson/outcome-reader.ts"
import { createPseudonyms } from "../adapters/node-crypto/mac.ts"
import { createCheckpointFiles } from "../adapters/node-files/checkpoints.ts"
import { createFoldMarkFile } from "../adapters/node-files/fold-marks.ts"
import { createFollowerCursors } from "../adapters/node-files/follower-cursors.ts"
import { keptSigningKey } from "../adapters/node-files/signing-keys.ts"
import { keptUnitKey } from "../adapters/node-files/unit-key.ts"
import type { TextOutput } from "../adapters/pino/lines-for-people.ts"
import { createLogger } from "../adapters/pino/logger.ts"
import { createSqliteCounterStore } from "../adapters/sqlite/counter-store.ts"
import { Database } from "../adapters/sqlite/database.ts"
import { createSqliteExperimentStore } from "../adapters/sqlite/experiment-store.ts"
import { lockFolder } from "../adapters/sqlite/folder-lock.ts"
import { withDeadlines } from "../app/deadline.ts"
import { DocumentFollower } from "../app/follow-documents.ts"
import { createRecorder } from "../app/recorder.ts"
import { recover } from "../app/recover.ts"
import {
  createRecoveringExperiments,
  createRecoveringMarks,
  createRecoveringStore,
  type RecoveringStore,
} from "../app/recovering-store.ts"
import { createRestoreRevisions } from "../app/restore-revisions.ts"
import { LogRetention } from "../app/retain-log.ts"
import { within } from "../app/within.ts"
import { type Config, ConfigError } from "../config.ts"
import { describeProblem } from "../domain/document-issues.ts"
import { GatewayError } from "../domain/errors.ts"
import type { LogPosition } from "../domain/log-position.ts"
import type { PartState } from "../http/routes/health.ts"
import { SERVE_ANY_HOST, serveHosts } from "../http/served-hosts.ts"
import type { Clock } from "../ports/clock.ts"
import type { BackendCheck } from "../ports/document-source.ts"
import type { Logger } from "../ports/logger.ts"
import { authorization } from "./authorization.ts"
import { compressOnThreads } from "./compress.ts"
import { createGateway, type SigningKey } from "./gateway.ts"
import { IncomingBodies } from "./incoming-body.ts"
import { ModelFolder } from "./model-folder.ts"
import { createNodeServer } from "./node-server.ts"
import { limitsForThisProcess, Peers } from "./peers.ts"
import { logReadings, retentionReadings, wireReadings } from "./readings.ts"
import { TurnEnd } from "./turn-end.ts"

const LOOK_EVERY_MS = 1000
const FOLD_WITHIN_MS = 30_000
const RETAIN_EVERY_MS = 60_000
const DAY_MS = 86_400_000
const REALLOCATE_EVERY_MS = 50

const clock: Clock = { now: () => Date.now(), monotonicMs: () => performance.now() }

/** A gateway that serves. `stop` finishes what is under way, writes everything down and settles; safe to call twice. */
export interface RunningGateway {
  readonly address: string
  stop(): Promise<void>
}

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
  try {
    return await startIn(dataDir, config, logger, () => lock.release())
  } catch (error) {
    lock.release()
    throw error
  }
}

async function startIn(
  dataDir: string,
  config: Config,
  logger: ReturnType<typeof createLogger>,
  release: () => void,
): Promise<RunningGateway> {
  const outcomes = join(dataDir, "outcomes")
  const turnEnd = new TurnEnd()
  const log = await openOutcomeLog({ folder: outcomes, logger, atTurnEnd: turnEnd.afterwards })
  const database = new Database({ path: join(dataDir, "gateway.db") }, logger)
  const archive = createSqliteCounterStore(database)
  const reader = createOutcomeReader(outcomes)
  const until = await reader.end()
  const experimentStore = withDeadlines(createSqliteExperimentStore(database))
  const restore = createRestoreRevisions(experimentStore, logger)
  const marks = createFoldMarkFile(dataDir, logger)
  const checkpoints = createCheckpointFiles(dataDir, logger)
  let positions: ReadonlyMap<string, LogPosition> = new Map()
  let lostFiles = 0
  const catchUp = async (): Promise<void> => {
    const recovered = await recover({ reader, log, store: archive, marks, checkpoints, logger, restore, until })
    positions = recovered.positions
    lostFiles = recovered.lostFiles
  }
  // Folding what a long outage has left may take any time; while it serves, the gateway waits for nobody that long.
  const patient = { fold: FOLD_WITHIN_MS, recover: Number.POSITIVE_INFINITY, close: Number.POSITIVE_INFINITY }
  const store = withDeadlines(createRecoveringStore(archive, catchUp), patient)
  await recoverOrGoOn(store, join(dataDir, "gateway.db"), logger)
  const recorder = createRecorder({
    log,
    store,
    clock,
    logger,
    reader,
    marks: createRecoveringMarks(marks, store),
    positions,
    atTurnEnd: turnEnd.afterwards,
  })

  const ownKey = config.signingKeys === undefined ? await keptSigningKey(dataDir) : undefined
  const ownUnitKey = config.unitKey === undefined ? await keptUnitKey(dataDir) : undefined
  const unitKey = config.unitKey ?? ownUnitKey?.key
  if (unitKey === undefined) throw new ConfigError(["UNIT_KEY has no key"])
  const keptFiles = [
    ...(ownKey === undefined ? [] : [{ name: "signing key", file: ownKey.file }]),
    ...(ownUnitKey === undefined ? [] : [{ name: "unit key", file: ownUnitKey.file }]),
  ]
  for (const { name, file } of keptFiles) {
    if (file.problem !== undefined) logger.error({ problem: file.problem }, `the ${name} can't be kept yet`)
  }
  const signingKeys = keysOf(config.signingKeys, ownKey)
  const models = new ModelFolder(config.modelsDir ?? packaged("examples/models"), logger)
  const peers = new Peers(limitsForThisProcess())
  const bodies = new IncomingBodies(undefined, turnEnd)
  const state = { draining: false }
  const gateway = createGateway({
    recorder,
    counters: store,
    experimentStore: createRecoveringExperiments(experimentStore, store),
    endpointOf: (backend) => models.endpoint(backend.model),
    clock,
    logger,
    randomBytes: (target) => void randomFillSync(target),
    pseudonym: createPseudonyms(unitKey),
    signingKeys,
    authorize: authorization(config.apiKeys, (secret) => hash("sha256", secret, "base64url")),
    defaultExperiment: config.defaultExperiment,
    readings: {
      ...logReadings(log.counts, recorder.counts, storageFails),
      ...retentionReadings(
        () => retention.counts,
        () => lostFiles,
      ),
      ...wireReadings(peers, bodies),
    },
    readParts: () => readParts(),
    compress: compressOnThreads,
    rewardOrigins: config.corsOrigins,
  })
  const retention = new LogRetention({
    bounds: {
      maxBytes: config.outcomesMaxBytes,
      maxAgeMs: config.outcomesMaxDays === undefined ? undefined : config.outcomesMaxDays * DAY_MS,
    },
    log,
    segments: createLogSegments(outcomes),
    reader,
    marks,
    archive,
    experiments: experimentStore,
    checkpoints,
    followers: createFollowerCursors(dataDir, logger),
    tokenLifeMs: () =>
      Math.max(
        0,
        ...gateway.experiments
          .all()
          .flatMap(({ definitions }) => [...definitions.values()].map(({ tokenLifeMs }) => tokenLifeMs)),
      ),
    clock,
    logger,
  })
  const check: BackendCheck = (backend) => models.check(backend)
  const watch = new DocumentFollower({
    source: new ExperimentFolder(config.experimentsDir ?? packaged("examples/experiments"), check),
    publisher: gateway.publisher,
    logger,
    check,
  })
  await watch.look()
  requireExperiment(
    config,
    gateway.experiments.all().map(({ snapshot }) => snapshot.experiment.id),
    watch,
  )

  /** Why a key that was made at the start isn't kept yet. */
  function unkept(): string | undefined {
    const missing = keptFiles.find(({ file }) => file.problem !== undefined)
    return missing === undefined ? undefined : `the ${missing.name} is not kept yet: ${missing.file.problem}`
  }

  function storageFails(): boolean {
    return log.counts.failing || recorder.counts.storeFails || !store.recovered || unkept() !== undefined
  }

  function readParts(): Record<string, PartState> {
    const problems = watch.problems.length
    const missing = unkept()
    return {
      server: { ready: !state.draining, required: true, ...(state.draining ? { detail: "draining" } : {}) },
      experiments: {
        ready: problems === 0,
        required: false,
        detail: problems === 0 ? `${gateway.experiments.all().length} served` : `${problems} problems in the documents`,
      },
      outcomeLog: {
        ready: !log.counts.failing,
        required: false,
        detail: `${log.counts.droppedLines} lines dropped`,
      },
      counters: {
        ready: store.recovered && !recorder.counts.storeFails,
        required: false,
        detail: store.recovered
          ? `${recorder.counts.failedFolds} failed folds`
          : "not caught up with the outcome log yet",
      },
      ...(missing === undefined ? {} : { keys: { ready: false, required: false, detail: missing } }),
    }
  }

  /** What a full disk refused at the start is tried until there is room. */
  async function tryAgain(): Promise<void> {
    for (const { name, file } of keptFiles) {
      if (file.problem === undefined) continue
      await file.keep()
      if (file.problem === undefined) logger.info({}, `the ${name} is kept`)
    }
    // Whoever folds says so when it fails.
    if (!store.recovered) await Promise.allSettled([store.recover()])
  }

  const server = createNodeServer(gateway.application, {
    bodies,
    peers,
    isDraining: () => state.draining,
    judgeHost: config.servesAnyHost ? SERVE_ANY_HOST : serveHosts(config.allowedHosts),
    onRefusal: (code) => gateway.metrics.answeredProblem(code),
  })
  await new Promise<void>((settle, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      reject(
        new GatewayError("config_invalid", {
          detail: `can't listen on ${config.host}:${config.port} (${cause.code}). ${cause.code === "EADDRINUSE" ? "Something listens there already; choose another port: PORT=9000 npm start" : "HOST and PORT say where to listen"}`,
          cause,
        }),
      )
    })
    server.listen(config.port, config.host, settle)
  })
  const timers = [
    setInterval(() => void watch.look(), LOOK_EVERY_MS),
    setInterval(() => void tryAgain(), LOOK_EVERY_MS),
    setInterval(() => void gateway.reallocator.tick(), REALLOCATE_EVERY_MS),
    setInterval(() => {
      // What a store holds that has not caught up is no checkpoint.
      if (store.recovered) void retention.look()
    }, RETAIN_EVERY_MS),
  ]
  const { port } = server.address() as AddressInfo
  const address = `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${port}`
  logger.info({ address, dataDir, experiments: gateway.experiments.all().length }, "serving")

  let stopped: Promise<void> | undefined
  return {
    address,
    stop: () => {
      stopped ??= stop()
      return stopped
    },
  }

  async function stop(): Promise<void> {
    state.draining = true
    logger.info({}, "draining")
    // Whoever still comes is served: a balancer has to hear 503 from /readyz first, and open connections are told to close.
    await sleep(config.shutdownDelaySeconds * 1000)
    for (const timer of timers) clearInterval(timer)
    const closed = new Promise<void>((settle) => server.close(() => settle()))
    const forced = setTimeout(() => server.closeAllConnections(), config.drainSeconds * 1000)
    await closed
    clearTimeout(forced)
    // A folder on a device that hangs must not keep the process.
    await within(Promise.all([watch.settled(), retention.settled()]), config.drainSeconds * 1000)
    await recorder.close()
    await database.close()
    release()
    logger.info({}, "stopped")
    logger.flush()
  }
}

function keysOf(given: Config["signingKeys"], own: SigningKey | undefined): [SigningKey, ...SigningKey[]] {
  const [first, ...rest] = [...(given ?? []), ...(own === undefined ? [] : [own])]
  if (first === undefined) throw new ConfigError(["SIGNING_KEYS has no key"])
  return [first, ...rest]
}

/** A damaged database stops the start; one that the disk has no room for is caught up with later. */
async function recoverOrGoOn(store: RecoveringStore, path: string, logger: Logger): Promise<void> {
  try {
    await store.recover()
  } catch (cause) {
    if (!(cause instanceof GatewayError)) throw cause
    if (cause.code === "config_invalid") {
      throw new GatewayError("config_invalid", {
        detail: `${path} can't be used. Move it away and start again: counters and revisions are made anew from the outcome log`,
        cause,
      })
    }
    logger.error({ err: cause, path }, "counters can't be read or written yet: predictions are served without learning")
  }
}

/** A gateway without a single experiment can't answer anyone: that is a mistake to stop at, not to find out from traffic. */
function requireExperiment(config: Config, ids: readonly string[], watch: DocumentFollower): void {
  const problems = watch.problems.map(describeProblem)
  if (ids.length === 0) throw new ConfigError(["no experiment can be served", ...problems])
  if (config.defaultExperiment !== undefined && !ids.includes(config.defaultExperiment)) {
    throw new ConfigError([
      `DEFAULT_EXPERIMENT ${config.defaultExperiment} is none of the experiments: ${ids.join(", ")}`,
      ...problems,
    ])
  }
}

function packaged(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url))
}
