import { createYamlReader, writeYaml } from "../adapters/experiment-folder/yaml-text.ts"
import { createTextMac } from "../adapters/node-crypto/mac.ts"
import type { AuditTrail } from "../app/audit-trail.ts"
import { createEditExperiment, type EditDeps, type EditExperiment } from "../app/edit-experiment.ts"
import { createPredict, type PredictDeps } from "../app/predict.ts"
import { Publisher, type PublisherDeps } from "../app/publish.ts"
import { Reallocator } from "../app/reallocate.ts"
import type { Recorder } from "../app/recorder.ts"
import { createReward } from "../app/reward.ts"
import { ServedExperiments } from "../app/served-experiments.ts"
import type { Backend } from "../domain/backends/backend.ts"
import { createDecisionIds } from "../domain/decision-id.ts"
import type { SignText } from "../domain/token.ts"
import { type Application, type ApplicationDeps, createApplication } from "../http/application.ts"
import { type Readings, watchExperiments } from "../http/gauges.ts"
import { Metrics } from "../http/metrics.ts"
import type { ReadParts } from "../http/routes/health.ts"
import type { Compress } from "../http/static-answer.ts"
import type { AllocationStore } from "../ports/allocation-store.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { ExperimentStore } from "../ports/experiment-store.ts"
import type { Logger } from "../ports/logger.ts"
import type { ModelEndpoint } from "../ports/model-endpoint.ts"

/** A signing key by its id. */
export interface SigningKey {
  readonly id: string
  readonly key: Uint8Array
}

/** What answering requests takes: adapters, a clock, keys. */
export interface ServingParts
  extends Pick<ApplicationDeps, "authorize" | "authorizeAdmin" | "requireOwnPage" | "keys" | "configuredKeys"> {
  readonly experiments: ServedExperiments
  readonly recorder: Recorder
  readonly counters: CounterStore
  readonly clock: Clock
  readonly logger: Logger
  readonly randomBytes: (target: Uint8Array) => void
  readonly pseudonym: PredictDeps["pseudonym"]
  /** Newest first: the first signs, all verify. */
  readonly signingKeys: readonly [SigningKey, ...SigningKey[]]
  readonly metrics: Metrics
  readonly readParts: ReadParts
  readonly editExperiment: EditExperiment
  readonly experimentStore: Pick<ExperimentStore, "history">
  readonly audit: Pick<AuditTrail, "read" | "note">
  /** How pages and contract are compressed, where the platform doesn't do it. */
  readonly compress?: Compress
  readonly rewardOrigins?: readonly string[]
}

/** The application over what is served. Starts nothing. */
export function createServing(parts: ServingParts): Application {
  const { recorder, experiments, clock } = parts
  const keys = new Map<string, SignText>(parts.signingKeys.map(({ id, key }) => [id, createTextMac(key)]))
  const predict = createPredict({
    clock,
    decisionIds: createDecisionIds(parts.randomBytes),
    signingKeys: keys,
    pseudonym: parts.pseudonym,
    recorder,
  })
  const reward = createReward({ clock, keyRing: keys, experiments, recorder })
  return createApplication({
    experiments,
    predict,
    reward,
    counters: parts.counters,
    clock,
    logger: parts.logger,
    metrics: parts.metrics,
    authorize: parts.authorize,
    authorizeAdmin: parts.authorizeAdmin,
    requireOwnPage: parts.requireOwnPage,
    keys: parts.keys,
    configuredKeys: parts.configuredKeys,
    readParts: parts.readParts,
    editExperiment: parts.editExperiment,
    experimentStore: parts.experimentStore,
    audit: parts.audit,
    writeYaml,
    compress: parts.compress,
    rewardOrigins: parts.rewardOrigins,
  })
}

/** What a runtime brings for all of a gateway. */
export interface GatewayParts
  extends Omit<ServingParts, "experiments" | "metrics" | "editExperiment">,
    Pick<EditDeps, "check" | "fileOf"> {
  readonly experimentStore: ExperimentStore
  readonly audit: AuditTrail
  /** Reads the YAML of a call. */
  readonly parseText: Parameters<typeof createYamlReader>[0]
  /** The allocations that gateways share; undefined where there is one gateway. */
  readonly allocations?: AllocationStore | undefined
  readonly lastAllocation?: PublisherDeps["lastAllocation"]
  readonly endpointOf: (backend: Backend) => ModelEndpoint
  readonly defaultExperiment: string | undefined
  readonly readings: Readings
}

export interface Gateway {
  readonly application: Application
  readonly metrics: Metrics
  readonly experiments: ServedExperiments
  readonly publisher: Publisher
  readonly reallocator: Reallocator
}

/** Wires the application: the same on Node and on workerd. Starts nothing. */
export function createGateway(parts: GatewayParts): Gateway {
  const { counters, clock, logger, experimentStore: store } = parts
  const experiments = new ServedExperiments(parts.defaultExperiment)
  const publisher = new Publisher({
    experiments,
    store,
    counters,
    lastAllocation: parts.lastAllocation,
    recorder: parts.recorder,
    audit: parts.audit,
    endpointOf: parts.endpointOf,
    clock,
    logger,
    keyId: parts.signingKeys[0].id,
  })
  const { check, fileOf } = parts
  const readYaml = createYamlReader(parts.parseText)
  const editExperiment = createEditExperiment({ publisher, store, counters, check, fileOf, readYaml, clock })
  const metrics = new Metrics(parts.readings)
  watchExperiments(metrics.registry, experiments, counters, clock)
  return {
    application: createServing({ ...parts, experiments, metrics, editExperiment }),
    metrics,
    experiments,
    publisher,
    reallocator: new Reallocator({ experiments, counters, allocations: parts.allocations, clock, logger }),
  }
}
