import { createTextMac } from "../adapters/node-crypto/mac.ts"
import { createPredict, type PredictDeps } from "../app/predict.ts"
import { Publisher } from "../app/publish.ts"
import { Reallocator } from "../app/reallocate.ts"
import type { Recorder } from "../app/recorder.ts"
import { createReward } from "../app/reward.ts"
import { ServedExperiments } from "../app/served-experiments.ts"
import { createDecisionIds } from "../domain/decision-id.ts"
import type { Experiment } from "../domain/experiment.ts"
import type { SignText } from "../domain/token.ts"
import { type Application, createApplication } from "../http/application.ts"
import type { Authorize } from "../http/authorize.ts"
import { Metrics, type Readings } from "../http/metrics.ts"
import type { ReadParts } from "../http/routes/health.ts"
import type { Compress } from "../http/static-answer.ts"
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

/** What a runtime brings: adapters, a clock, keys. */
export interface GatewayParts {
  readonly recorder: Recorder
  readonly counters: CounterStore
  readonly experimentStore: ExperimentStore
  readonly endpointOf: (backend: Experiment["variants"][number]["backend"]) => ModelEndpoint
  readonly clock: Clock
  readonly logger: Logger
  readonly randomBytes: (target: Uint8Array) => void
  readonly pseudonym: PredictDeps["pseudonym"]
  /** Newest first: the first signs, all verify. */
  readonly signingKeys: readonly [SigningKey, ...SigningKey[]]
  readonly authorize: Authorize
  readonly defaultExperiment: string | undefined
  readonly readings: Readings
  readonly readParts: ReadParts
  /** How pages and contract are compressed, where the platform doesn't do it. */
  readonly compress?: Compress
  readonly rewardOrigins?: readonly string[]
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
  const { recorder, counters, clock, logger } = parts
  const [active] = parts.signingKeys
  const keys = new Map<string, SignText>(parts.signingKeys.map(({ id, key }) => [id, createTextMac(key)]))
  const experiments = new ServedExperiments(parts.defaultExperiment)
  const predict = createPredict({
    clock,
    decisionIds: createDecisionIds(parts.randomBytes),
    signingKeys: keys,
    pseudonym: parts.pseudonym,
    recorder,
  })
  const reward = createReward({ clock, keyRing: keys, experiments, recorder })
  const publisher = new Publisher({
    experiments,
    store: parts.experimentStore,
    counters,
    recorder,
    endpointOf: parts.endpointOf,
    clock,
    logger,
    keyId: active.id,
  })
  const metrics = new Metrics(experiments, counters, clock, parts.readings)
  const application = createApplication({
    experiments,
    predict,
    reward,
    counters,
    clock,
    logger,
    metrics,
    authorize: parts.authorize,
    readParts: parts.readParts,
    compress: parts.compress,
    rewardOrigins: parts.rewardOrigins,
  })
  return {
    application,
    metrics,
    experiments,
    publisher,
    reallocator: new Reallocator({ experiments, counters, clock, logger }),
  }
}
