import { hash } from "node:crypto"
import type { Hono } from "hono"
import { loadArtifact } from "../adapters/embedded-scorer/artifact.ts"
import { checkDocument, parseText } from "../adapters/experiment-folder/document.ts"
import { createMemoryAuditLog } from "../adapters/memory/audit-log.ts"
import { createMemoryCounterStore } from "../adapters/memory/counter-store.ts"
import { createMemoryExperimentStore } from "../adapters/memory/experiment-store.ts"
import { createMemoryOutcomeLog } from "../adapters/memory/outcome-log.ts"
import { createPseudonyms } from "../adapters/node-crypto/mac.ts"
import { AuditTrail } from "../app/audit-trail.ts"
import { createRecorder } from "../app/recorder.ts"
import { type Config, ConfigError, parseConfig } from "../config.ts"
import { describeProblem } from "../domain/document-issues.ts"
import { mountOnHono, readRequestBytes } from "../http/hono.ts"
import type { Clock } from "../ports/clock.ts"
import type { Logger } from "../ports/logger.ts"
import type { ModelEndpoint } from "../ports/model-endpoint.ts"
import { createAuthorization } from "./authorization.ts"
import { createGateway, type SigningKey } from "./gateway.ts"

/** What a Worker is bundled with. */
export interface Bundle {
  readonly settings: Readonly<Record<string, string | undefined>>
  /** Whether an isolate without keys may serve: on a developer's machine, where one isolate is all there is. */
  readonly insecureLocal: boolean
  readonly documents: readonly { readonly file: string; readonly text: string }[]
  readonly artifacts: readonly { readonly document: unknown; readonly weights: Uint8Array }[]
}

/** Outcomes kept per isolate, which has 128 MB in all. */
const LOG_LINES = 10_000
const AUTHOR = { actor: "bundle", source: "folder" } as const

const clock: Clock = { now: () => Date.now(), monotonicMs: () => performance.now() }

/** A Worker's standard output is its log: one JSON object a line. */
const logger: Logger = {
  info: (fields, message) => console.log(JSON.stringify({ level: "info", message, ...fields })),
  warn: (fields, message) => console.warn(JSON.stringify({ level: "warn", message, ...fields })),
  error: (fields, message) => console.error(JSON.stringify({ level: "error", message, ...fields })),
}

/**
 * The gateway in one isolate: bundled documents and models, counters and outcomes in memory.
 *
 * Counters are this isolate's own and go with it, so the edge learns only as long as the isolate lives; tokens are verified by every isolate
 * that has the same SIGNING_KEYS, and a unit has the same pseudonym in all that have the same UNIT_KEY.
 *
 * @throws ConfigError when settings, documents or artifacts are invalid, or keys are missing where others can reach the Worker
 */
export async function createBundledGateway(
  bundle: Bundle,
): Promise<{ readonly app: Hono; readonly afterRequest: () => Promise<void> }> {
  // A Worker is reachable by everyone unless it runs on a developer's machine: the same rule as for an address on Node.
  const config = parseConfig({ ...bundle.settings, HOST: bundle.insecureLocal ? "127.0.0.1" : "0.0.0.0" })
  if (config.redis !== undefined)
    throw new ConfigError(["REDIS_URL is not supported on a Worker: its counters are its own"])
  const models = new Map<string, ModelEndpoint>()
  for (const { document, weights } of bundle.artifacts) {
    const endpoint = loadArtifact(document, weights)
    models.set(endpoint.model, endpoint)
  }
  const counters = createMemoryCounterStore()
  const recorder = createRecorder({ log: createMemoryOutcomeLog(LOG_LINES), store: counters, clock, logger })
  const { signingKeys, unitKey } = isolateKeys(config, bundle.insecureLocal)
  const { putInForce: _, ...authorization } = createAuthorization(config, clock)
  const audit = new AuditTrail({
    log: createMemoryAuditLog((text) => hash("sha256", text, "hex")),
    stream: (event) => recorder.recordAudit(event),
    clock,
    logger,
  })
  const gateway = createGateway({
    recorder,
    counters,
    experimentStore: createMemoryExperimentStore(),
    endpointOf: (backend) => {
      const endpoint = backend.kind === "embedded" ? models.get(backend.model) : undefined
      if (endpoint !== undefined) return endpoint
      throw new ConfigError([
        backend.kind === "embedded"
          ? `the model ${backend.model} is not bundled`
          : `a Worker serves embedded models only, not the target ${backend.target}`,
      ])
    },
    // An isolate's edits would be its own, and go with it.
    fileOf: () => "the Worker's bundle",
    check: async () => undefined,
    parseText,
    audit,
    clock,
    logger,
    randomBytes: (target) => void crypto.getRandomValues(target as Uint8Array<ArrayBuffer>),
    pseudonym: createPseudonyms(unitKey),
    signingKeys,
    ...authorization,
    keys: { unmanaged: "A Worker knows the keys of API_KEYS alone." },
    defaultExperiment: config.defaultExperiment,
    readings: {},
    readParts: () => ({
      server: { ready: true, required: true },
      counters: { ready: true, required: false, detail: "in memory, this isolate's own" },
    }),
  })
  for (const { file, text } of bundle.documents) {
    const document = await checkDocument(file, parseText(text), async () => undefined)
    if (!document.ok) throw new ConfigError(document.problems.map(describeProblem))
    await gateway.publisher.publish(document.experiment, AUTHOR)
  }
  return {
    // Cloudflare sets it, and takes out what a client sends under that name.
    app: mountOnHono(gateway.application, readRequestBytes, (c) => c.req.header("cf-connecting-ip")),
    afterRequest: async () => {
      await recorder.flush()
      await gateway.reallocator.tick()
    },
  }
}

/** Keys that all isolates share; on a developer's machine, where one isolate is all there is, keys of its own. */
function isolateKeys(
  { signingKeys = [], unitKey }: Pick<Config, "signingKeys" | "unitKey">,
  insecureLocal: boolean,
): { readonly signingKeys: [SigningKey, ...SigningKey[]]; readonly unitKey: Uint8Array } {
  const missing = [
    ...(signingKeys.length > 0 ? [] : ["SIGNING_KEYS must be set: isolates have to verify each other's tokens"]),
    ...(unitKey === undefined ? ["UNIT_KEY must be set: isolates have to give a unit the same pseudonym"] : []),
  ]
  if (missing.length > 0 && !insecureLocal) throw new ConfigError(missing)
  const randomKey = () => crypto.getRandomValues(new Uint8Array(32))
  const [first = { id: "dev", key: randomKey() }, ...rest] = signingKeys
  return { signingKeys: [first, ...rest], unitKey: unitKey ?? randomKey() }
}
