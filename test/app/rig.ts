import { hash } from "node:crypto"
import { createMemoryAuditLog } from "#src/adapters/memory/audit-log.ts"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { createMemoryExperimentStore } from "#src/adapters/memory/experiment-store.ts"
import { MemoryModelEndpoint } from "#src/adapters/memory/model-endpoint.ts"
import { createMemoryOutcomeLog } from "#src/adapters/memory/outcome-log.ts"
import { createPseudonyms, createTextMac } from "#src/adapters/node-crypto/mac.ts"
import { AuditTrail } from "#src/app/audit-trail.ts"
import { createPredict } from "#src/app/predict.ts"
import { Publisher } from "#src/app/publish.ts"
import { Reallocator } from "#src/app/reallocate.ts"
import { createRecorder } from "#src/app/recorder.ts"
import { createReward } from "#src/app/reward.ts"
import { ServedExperiments } from "#src/app/served-experiments.ts"
import { createDecisionIds } from "#src/domain/decision-id.ts"
import type { OutcomeEvent } from "#src/domain/events.ts"
import { parseExperiment } from "#src/domain/experiment.ts"
import { boundOf, metricsOf } from "#src/domain/metric.ts"
import type { Context } from "#src/domain/plan.ts"
import type { Clock } from "#src/ports/clock.ts"
import type { ExperimentStore } from "#src/ports/experiment-store.ts"
import type { OpaqueRequest } from "#src/ports/model-endpoint.ts"
import type { LogWrite } from "#src/ports/outcome-log.ts"
import { ALL_OF_CHAMPION } from "#test/outcomes.ts"
import { createRememberingLogger } from "../remembering-logger.ts"

/** A clock that moves when it is told to. */
export class FakeClock implements Clock {
  ms = Date.UTC(2026, 10, 21, 12)
  now = () => this.ms
  monotonicMs = () => this.ms
  advance(seconds: number) {
    this.ms += seconds * 1000
  }
}

/** What a log says that takes nothing. */
const DROPPED: LogWrite = { written: Promise.resolve(undefined), answered: Promise.resolve(false) }

/** The use cases over memory adapters, with a fake clock, seeded ids and models `a` and `b` that score 0.1 and 0.2. */
export function createRig(options: { readonly store?: ExperimentStore } = {}) {
  const clock = new FakeClock()
  const logger = createRememberingLogger()
  const log = createMemoryOutcomeLog()
  const refusing = { log: false }
  let held: Promise<void> | undefined
  const counters = createMemoryCounterStore()
  const recorder = createRecorder({
    log: { ...log, append: (line) => (refusing.log ? DROPPED : log.append(line)), sync: () => held ?? log.sync() },
    store: counters,
    clock,
    logger,
  })
  const experiments = new ServedExperiments()
  const store = options.store ?? createMemoryExperimentStore()
  const models = new Map(
    Object.entries({ a: 0.1, b: 0.2 }).map(([model, score]) => [
      model,
      new MemoryModelEndpoint({ model, remote: true, behaviour: { kind: "score", score: () => score } }),
    ]),
  )
  const model = (name: string) => models.get(name) as MemoryModelEndpoint
  const keys = new Map([["k1", createTextMac(new Uint8Array(32).fill(7))]])
  const audit = new AuditTrail({
    log: createMemoryAuditLog((text) => hash("sha256", text)),
    stream: async () => {},
    clock,
    logger,
  })
  const publisher = new Publisher({
    experiments,
    store,
    counters,
    recorder,
    audit,
    endpointOf: (backend) => model(backend.model ?? ""),
    clock,
    logger,
    keyId: "k1",
  })
  let random = 0
  const predict = createPredict({
    clock,
    decisionIds: createDecisionIds((target) => {
      for (let i = 0; i < target.length; i++)
        target[i] = (random = (random * 1_103_515_245 + 12_345) & 0x7fffffff) >> 16
    }),
    signingKeys: keys,
    pseudonym: createPseudonyms(new Uint8Array(32).fill(8)),
    recorder,
  })
  const reward = createReward({ clock, keyRing: keys, experiments, recorder })
  const reallocator = new Reallocator({ experiments, counters, clock, logger })

  return {
    clock,
    logger,
    counters,
    audit,
    recorder,
    experiments,
    store,
    model,
    publisher,
    reallocator,
    reward,
    log,
    /** Whether the log takes no line from now on. */
    refuseLog: (refuse: boolean) => {
      refusing.log = refuse
    },
    /** Its syncs wait until the returned function is called. */
    holdLog: () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      held = promise
      return resolve
    },
    publish: async (changes: Record<string, unknown> = {}) => {
      const parsed = parseExperiment(documentWith(changes))
      if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
      await publisher.publish(parsed.experiment, { actor: "test", source: "api" })
    },
    predict: (
      options: {
        unitId?: string
        variant?: string
        deadlineMs?: number
        instances?: number
        context?: Context
        takesOpaque?: boolean
        payload?: OpaqueRequest
      } = {},
    ) => {
      const served = experiments.get("e")
      if (served === undefined) throw new Error("publish first")
      return predict({
        served,
        unitId: options.unitId,
        instances: Array.from({ length: options.instances ?? (options.payload === undefined ? 1 : 0) }, () => ({
          hour: "14102100",
          device_ip: "secret",
        })),
        context: options.context,
        slate: options.instances !== undefined,
        payload: options.payload,
        takesOpaque: options.takesOpaque ?? false,
        traceHeaders: () => ({}),
        forcedVariant: options.variant,
        deadlineMs: options.deadlineMs ?? 100,
      })
    },
    post: async (decision: string, value?: number, eventId?: string) => {
      const [outcome] = await reward([
        { decision, value, eventId, metric: undefined, instance: undefined, experiment: undefined },
      ])
      return outcome
    },
    events: async (): Promise<OutcomeEvent[]> => {
      const events: OutcomeEvent[] = []
      for await (const { lines } of log.read(undefined, undefined))
        events.push(...lines.map((line) => JSON.parse(line)))
      return events
    },
    totals: async (metric = "click") => {
      const served = experiments.get("e")
      const definition = served && metricsOf(served.snapshot.experiment).find(({ id }) => id === metric)
      if (served === undefined || definition === undefined) throw new Error(`there is no metric ${metric}`)
      const { series } = served.snapshot.lineage
      await recorder.flush()
      const query = { ...ALL_OF_CHAMPION, metric, bound: boundOf(definition), series, now: clock.now() }
      const { variants } = await counters.statistics("e", query)
      return Object.fromEntries(variants.map(({ variant, totals }) => [variant, totals]))
    },
  }
}

function documentWith(changes: Record<string, unknown>) {
  return {
    id: "e",
    variants: ["a", "b"].map((id) => ({ id, backend: { kind: "embedded", model: id } })),
    control: "a",
    policy: { kind: "thompson" },
    ...changes,
    reward: { metric: "click", ...(changes["reward"] as object | undefined) },
  }
}
