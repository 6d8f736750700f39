/**
 * What a key costs a prediction: the application is called as a server calls it, without keys and with each kind of key, in turns. Prints
 * processor time per prediction; asserts none.
 *
 *   taskset -c 0 node loadtest/bench-keys.ts
 */
import { randomBytes, randomFillSync } from "node:crypto"
import { loadModelFolder } from "#src/adapters/embedded-scorer/folder.ts"
import { parseText } from "#src/adapters/experiment-folder/document.ts"
import { createMemoryAuditLog } from "#src/adapters/memory/audit-log.ts"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { createMemoryExperimentStore } from "#src/adapters/memory/experiment-store.ts"
import { createMemoryKeyStore } from "#src/adapters/memory/key-store.ts"
import { createMemoryOutcomeLog } from "#src/adapters/memory/outcome-log.ts"
import { createPseudonyms } from "#src/adapters/node-crypto/mac.ts"
import { AuditTrail } from "#src/app/audit-trail.ts"
import { KeyManagement, type KeyWish } from "#src/app/manage-keys.ts"
import { createRecorder } from "#src/app/recorder.ts"
import { parseExperiment } from "#src/domain/experiment.ts"
import { createAuthorization, digestSecret } from "#src/entry/authorization.ts"
import { createGateway } from "#src/entry/gateway.ts"
import { machineClock as clock } from "#src/entry/machine-clock.ts"
import type { Call } from "#src/http/call.ts"
import { CallContext } from "#src/http/call-context.ts"
import { AD_FEATURES } from "./ad-features.ts"
import { mediansInTurns } from "./medians.ts"

const PREDICTIONS = 1_000
const ROUNDS = 300
const CONFIGURED = "a-secret-of-the-settings-0123456789"
const BODY = new TextEncoder().encode(
  JSON.stringify({ experiment: "banner-ctr", unitId: "user-42", features: AD_FEATURES }),
)
const ANY: Omit<KeyWish, "experiments" | "requestsPerSecond"> = {
  name: "ads",
  permissions: ["predict"],
  expiresAt: null,
}
const LOGGER = { info: () => {}, warn: () => {}, error: console.error }

/** Headers as Node has them: texts that are new for every request. */
class BenchCall implements Call {
  readonly method = "POST"
  readonly target = "/predict"
  readonly context = new CallContext((name) => this.header(name))
  readonly peer = "127.0.0.1"
  readonly #headers: readonly string[]

  constructor(bytes: Buffer) {
    this.#headers = bytes.toString("latin1").split("\n")
  }

  header(name: string): string | undefined {
    const at = this.#headers.indexOf(name)
    return at < 0 ? undefined : this.#headers[at + 1]
  }

  param(): string | undefined {
    return undefined
  }

  readBytes(): Promise<Uint8Array> {
    return Promise.resolve(BODY)
  }
}

const endpoint = await loadModelFolder("examples/models", "ctr-raw")

async function createContestant(name: string, needsKeys: boolean, wish?: KeyWish) {
  const apiKeys = needsKeys ? [{ name: "first", permissions: ["predict"], secret: CONFIGURED }] : []
  const settings = { apiKeys, oidc: undefined, needsKeys, publicUrl: undefined }
  const { putInForce, ...authorization } = createAuthorization(settings, clock)
  const random = { randomBytes: (target: Uint8Array) => void randomFillSync(target) }
  const store = createMemoryKeyStore()
  const trail = createMemoryAuditLog(digestSecret)
  const audit = new AuditTrail({ log: trail, stream: async () => {}, clock, logger: LOGGER })
  const keys = new KeyManagement({ store, audit, clock, logger: LOGGER, ...random, digest: digestSecret, putInForce })
  const counters = createMemoryCounterStore()
  const recorder = createRecorder({ log: createMemoryOutcomeLog(1000), store: counters, clock, logger: LOGGER })
  const { application, publisher } = createGateway({
    ...authorization,
    ...random,
    keys,
    recorder,
    counters,
    experimentStore: createMemoryExperimentStore(),
    endpointOf: () => endpoint,
    check: async () => undefined,
    fileOf: () => undefined,
    parseText,
    audit,
    clock,
    logger: LOGGER,
    pseudonym: createPseudonyms(randomBytes(32)),
    signingKeys: [{ id: "k1", key: randomBytes(32) }],
    defaultExperiment: undefined,
    readings: {},
    readParts: () => ({}),
  })
  const parsed = parseExperiment({
    id: "banner-ctr",
    variants: ["champion", "challenger"].map((id) => ({ id, backend: { kind: "embedded", model: "ctr-raw" } })),
    control: "champion",
    policy: { kind: "thompson", minPropensity: 0.02 },
  })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
  await publisher.publish(parsed.experiment, { actor: "bench", source: "api" })
  // Beside the one that is used, as in a gateway with many callers.
  const others = wish === undefined ? [] : Array<KeyWish>(100).fill(wish)
  for (const other of others) await keys.make(other, "bench")
  const secret = wish === undefined ? CONFIGURED : (await keys.make(wish, "bench")).secret
  const headers = ["content-type", "application/json", "host", "localhost", "accept", "*/*", "authorization"]
  const bytes = Buffer.from([...headers, `Bearer ${secret}`].join("\n"), "latin1")
  const answer = application.routes.find(({ path }) => path === "/predict")?.methods.get("POST")
  if (answer === undefined) throw new Error("no route for predictions")
  const predict = async (): Promise<number> => (await answer(new BenchCall(bytes))).status
  return { name, predict }
}

const contestants = [
  await createContestant("without keys", false),
  await createContestant("a key of API_KEYS", true),
  await createContestant("a made key", true, { ...ANY, experiments: null, requestsPerSecond: null }),
  await createContestant("a made key with scope and rate", true, {
    ...ANY,
    experiments: ["banner-ctr"],
    requestsPerSecond: 100_000,
  }),
]

/** Processor time of one prediction in microseconds. */
async function measure({ predict }: (typeof contestants)[number]): Promise<{ readonly microseconds: number }> {
  const before = process.threadCpuUsage()
  for (let i = 0; i < PREDICTIONS; i++) {
    const status = await predict()
    if (status !== 200) throw new Error(`a prediction was answered ${status}`)
  }
  const { user, system } = process.threadCpuUsage(before)
  return { microseconds: (user + system) / PREDICTIONS }
}

// Warm.
for (const contestant of contestants) await measure(contestant)
const results = await mediansInTurns(contestants, ROUNDS, measure)
const base = results[0]?.[1].microseconds ?? Number.NaN
for (const [{ name }, { microseconds }] of results) {
  console.log(`${name.padEnd(32)} ${microseconds.toFixed(2)} µs  ${(microseconds - base).toFixed(2).padStart(6)} more`)
}
