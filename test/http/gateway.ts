import { hash, randomFillSync } from "node:crypto"
import { fileURLToPath } from "node:url"
import { loadModelFolder } from "#src/adapters/embedded-scorer/folder.ts"
import { parseText } from "#src/adapters/experiment-folder/document.ts"
import { createMemoryAuditLog } from "#src/adapters/memory/audit-log.ts"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { createMemoryExperimentStore } from "#src/adapters/memory/experiment-store.ts"
import { createMemoryKeyStore } from "#src/adapters/memory/key-store.ts"
import { MemoryModelEndpoint } from "#src/adapters/memory/model-endpoint.ts"
import { createMemoryOutcomeLog } from "#src/adapters/memory/outcome-log.ts"
import { createPseudonyms } from "#src/adapters/node-crypto/mac.ts"
import { AuditTrail } from "#src/app/audit-trail.ts"
import { withDeadlines } from "#src/app/deadline.ts"
import { KeyManagement } from "#src/app/manage-keys.ts"
import { createRecorder } from "#src/app/recorder.ts"
import type { ApiKeySetting, OidcSetting } from "#src/config.ts"
import { GatewayError } from "#src/domain/errors.ts"
import { type Experiment, parseExperiment } from "#src/domain/experiment.ts"
import { createAuthorization, digestSecret, NO_KEYS_NEEDED } from "#src/entry/authorization.ts"
import { createGateway } from "#src/entry/gateway.ts"
import { mountOnHono, readRequestBytes } from "#src/http/hono.ts"
import type { PartState } from "#src/http/routes/health.ts"
import type { Compress } from "#src/http/static-answer.ts"
import type { KeyStore } from "#src/ports/key-store.ts"
import type { ModelEndpoint } from "#src/ports/model-endpoint.ts"
import { ALL_OF_CHAMPION } from "#test/outcomes.ts"
import { GatedStore } from "../app/gated-store.ts"
import { FakeClock } from "../app/rig.ts"
import { createRememberingLogger } from "../remembering-logger.ts"
import { askOverTheWire } from "./over-the-wire.ts"

const SIGNING_KEY = { id: "k1", key: new Uint8Array(32).fill(7) }
const FEATURES = { hour: "14102100", banner_pos: "0", site_id: "1fbe01fe" }

/** A real artifact, loaded once: the model `ctr-raw`. */
const embedded = await loadModelFolder(fileURLToPath(new URL("../../examples/models", import.meta.url)), "ctr-raw")

/** The example experiment's shape: two variants, binary clicks, a window of an hour. */
export function bannerDocument(changes: Readonly<Record<string, unknown>> = {}) {
  return {
    id: "banner-ctr",
    variants: [
      { id: "champion", backend: { kind: "embedded", model: "a" } },
      { id: "challenger", backend: { kind: "embedded", model: "b" } },
    ],
    control: "champion",
    policy: { kind: "thompson", minPropensity: 0.02 },
    reward: { metric: "click" },
    ...changes,
  }
}

export interface GatewayOptions {
  readonly apiKeys?: readonly ApiKeySetting[]
  readonly oidc?: OidcSetting
  readonly publicUrl?: string
  readonly keyStore?: KeyStore
  readonly defaultExperiment?: string
  /** What takes the requests: Hono by itself, as in a Worker, or Node's server on a port. Default: Hono. */
  readonly through?: "hono" | "node"
  readonly compress?: Compress
  readonly rewardOrigins?: readonly string[]
  /** How long the counters may take to answer. Default: for ever. */
  readonly storeAnswersWithinMs?: number
  /** What the audit trail throws from the second record on. */
  readonly auditRefuses?: () => GatewayError
}

/** The whole application over the memory adapters, wired as an entry wires it: a fake clock, seeded ids, models that obey the test. */
export async function createTestGateway(options: GatewayOptions = {}) {
  const clock = new FakeClock()
  const logger = createRememberingLogger()
  const disk = { full: false }
  const memoryLog = createMemoryOutcomeLog()
  const log = {
    ...memoryLog,
    sync: async () => {
      if (disk.full) throw new GatewayError("log_unavailable", { detail: "[memory] told to" })
    },
  }
  const store = new GatedStore(createMemoryCounterStore())
  const counters =
    options.storeAnswersWithinMs === undefined ? store : withDeadlines(store, {}, options.storeAnswersWithinMs)
  const recorder = createRecorder({ log, store: counters, clock, logger, answerWithinMs: 200 })
  const models = new Map<string, MemoryModelEndpoint>(
    Object.entries({ a: 0.1, b: 0.2 }).map(([model, score]) => [
      model,
      new MemoryModelEndpoint({ model, remote: true, behaviour: { kind: "score", score: () => score } }),
    ]),
  )
  // Asked with features, like an embedded model, unless a test says otherwise.
  for (const model of models.values()) model.takes = { features: true, bodies: [] }
  const parts: Record<string, PartState> = { server: { ready: true, required: true } }
  let readParts = () => parts
  let random = 0
  const needsKeys = options.apiKeys !== undefined || options.oidc !== undefined
  const { putInForce, ...authorization } = createAuthorization(
    { apiKeys: options.apiKeys ?? [], oidc: options.oidc, needsKeys, publicUrl: options.publicUrl },
    clock,
  )
  const files = new Map<string, string>()
  const trail = createMemoryAuditLog((text) => hash("sha256", text))
  const audit = new AuditTrail({
    log: {
      ...trail,
      append: async (record, at) => {
        if (record.revision !== 1 && options.auditRefuses !== undefined) throw options.auditRefuses()
        return await trail.append(record, at)
      },
    },
    stream: (event) => recorder.recordAudit(event),
    clock,
    logger,
  })
  const keys = new KeyManagement({
    store: options.keyStore ?? createMemoryKeyStore(),
    audit,
    clock,
    logger,
    randomBytes: (target) => void randomFillSync(target),
    digest: digestSecret,
    putInForce,
  })
  const gateway = createGateway({
    recorder,
    counters,
    experimentStore: createMemoryExperimentStore(),
    endpointOf: ({ model }): ModelEndpoint => models.get(model ?? "") ?? embedded,
    check: async (backend) => (backend.model === "missing" ? '"missing" can\'t be served' : undefined),
    fileOf: (id) => files.get(id),
    parseText,
    audit,
    clock,
    logger,
    randomBytes: (target) => {
      for (let i = 0; i < target.length; i++) {
        random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff
        target[i] = random >> 16
      }
    },
    pseudonym: createPseudonyms(new Uint8Array(32).fill(8)),
    signingKeys: [SIGNING_KEY],
    ...authorization,
    keys: needsKeys ? keys : { unmanaged: NO_KEYS_NEEDED },
    defaultExperiment: options.defaultExperiment,
    readings: {},
    readParts: () => readParts(),
    ...(options.compress === undefined ? {} : { compress: options.compress }),
    ...(options.rewardOrigins === undefined ? {} : { rewardOrigins: options.rewardOrigins }),
  })

  const publish = async (changes: Readonly<Record<string, unknown>> = {}): Promise<Experiment> => {
    const parsed = parseExperiment(bannerDocument(changes))
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
    await gateway.publisher.publish(parsed.experiment, { actor: "test", source: "api" })
    return parsed.experiment
  }
  await publish()

  const app = mountOnHono(gateway.application, readRequestBytes)
  const request: (path: string, init?: RequestInit) => Promise<Response> =
    options.through === "node"
      ? await askOverTheWire(gateway.application)
      : async (path, init) => await app.request(path, init)

  return {
    ...gateway,
    app,
    clock,
    logger,
    keys,
    /** What the disk and the counters do from now on. */
    disk,
    store,
    /** Names of files that experiments are kept in. */
    files,
    audit,
    models: [...models.values()],
    publish,
    /** The outcome log so far. */
    logged: async (): Promise<readonly string[]> => {
      const lines: string[] = []
      for await (const read of memoryLog.read(undefined, undefined)) lines.push(...read.lines)
      return lines
    },
    setParts: (read: () => Record<string, PartState>) => {
      readParts = read
    },
    request,
    postJson: async (path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
      await request(path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      }),
    /** Edits banner-ctr: a document goes as the media type that its method takes. */
    edit: async (
      method: "PUT" | "PATCH" | "DELETE" | "POST",
      path: string,
      document?: unknown,
      headers: Readonly<Record<string, string>> = {},
    ): Promise<Response> => {
      const mediaType = method === "PATCH" ? "application/merge-patch+json" : "application/json"
      return await request(`/admin/experiments/banner-ctr${path}`, {
        method,
        headers: { ...(document === undefined ? {} : { "content-type": mediaType }), ...headers },
        ...(document === undefined ? {} : { body: JSON.stringify(document) }),
      })
    },
    /** A fresh decision token. */
    decide: async (changes: Readonly<Record<string, unknown>> = {}): Promise<string> => {
      const response = await request("/predict", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ experiment: "banner-ctr", features: FEATURES, ...changes }),
      })
      const { decision } = await readJson(response)
      if (typeof decision !== "string") throw new Error(`no decision: ${response.status}`)
      return decision
    },
    /** Rewards counted so far, over all variants. */
    rewards: async (): Promise<number> => {
      await recorder.flush()
      const query = { ...ALL_OF_CHAMPION, series: { champion: 1, challenger: 1 }, now: clock.now() }
      const { variants } = await store.statistics("banner-ctr", query)
      return variants.reduce((sum, { totals }) => sum + totals.rewards, 0)
    },
  }
}

export type TestGateway = Awaited<ReturnType<typeof createTestGateway>>

/** A body as a JSON object. */
export async function readJson(response: Response): Promise<Record<string, unknown>> {
  const body: unknown = await response.json()
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw new Error("not a JSON object")
  return { ...body }
}
