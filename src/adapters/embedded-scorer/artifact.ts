import { GatewayError } from "../../domain/errors.ts"
import type { Features, ModelEndpoint } from "../../ports/model-endpoint.ts"
import { type HourTokens, parseHour } from "./hour.ts"
import { invalidArtifact } from "./invalid-artifact.ts"
import { type ModelDocument, parseModelDocument } from "./model-document.ts"
import { createTokenPrefix, hashToken, type TokenPrefix } from "./token-hash.ts"
import { type Allocate, readWeights, type Weights, type WeightTable, weightsOf } from "./weights.ts"

/** What an embedded model is made of, as plain data: any thread makes the same scorer of it (`createModel`). */
export interface ModelParts {
  readonly document: ModelDocument
  readonly table: WeightTable
  /** Of the artifact's files; undefined where they are not known. */
  readonly sha256: string | undefined
}

/** A model in this process: an endpoint that answers synchronously, and its scores without a decision around them. */
export interface EmbeddedModel extends ModelEndpoint {
  readonly parts: ModelParts
  readonly knownFeatures: ReadonlySet<string>
  /** @returns one probability per instance, in order. @throws GatewayError `features_invalid` */
  score(instances: readonly Features[]): number[]
}

interface Field {
  readonly from: string
  readonly as: keyof HourTokens | undefined
  readonly prefix: TokenPrefix
}

/**
 * Makes a scorer of a model artifact: what `model.json` parses to and the bytes of the file that it names.
 *
 * The scorer answers synchronously and equals scikit-learn's `FeatureHasher(input_type="string")` + logistic regression to 1e-12.
 * Features that the model doesn't know are ignored; one that is missing contributes nothing. Numbers and booleans are scored as their
 * JavaScript string (`1`, `0.5`, `true`). Runs on Node and on workerd.
 *
 * @param sha256 of the artifact's files, where they are known
 * @param allocate where the weights go. Default: memory of this thread
 * @throws GatewayError `config_invalid` when the artifact is malformed or its two parts disagree
 */
export function loadArtifact(
  modelJson: unknown,
  weightsBytes: Uint8Array,
  sha256?: string,
  allocate?: Allocate,
): EmbeddedModel {
  const document = parseModelDocument(modelJson)
  const weights = readWeights(weightsBytes, document.name, allocate)
  if (weights.buckets !== document.buckets) {
    throw invalidArtifact(
      `model ${document.name} has ${document.buckets} buckets in model.json and ${weights.buckets} in ${document.weights}`,
    )
  }
  return createModel({ document, table: weights.table, sha256 })
}

export function createModel(parts: ModelParts): EmbeddedModel {
  const { document, sha256 } = parts
  const decisionValue = createDecisionFunction(document, weightsOf(parts.table))
  const score = (instances: readonly Features[]) =>
    instances.map((instance, index) => logistic(decisionValue(instance, index, instances.length)))
  return {
    parts,
    model: document.name,
    sha256,
    remote: false,
    knownFeatures: new Set(document.fields.map(({ name, from }) => from ?? name)),
    takes: { features: true, bodies: [] },
    score,
    predict: ({ instances }) => ({ kind: "scores", scores: score(instances) }),
  }
}

function createDecisionFunction(document: ModelDocument, weights: Weights) {
  const { buckets, coefficientOf, intercept } = weights
  const fields: readonly Field[] = document.fields.map((field) => ({
    from: field.from ?? field.name,
    as: field.as,
    prefix: createTokenPrefix(document.tokens === "prefixed" ? `${field.name}=` : ""),
  }))
  // Traffic repeats its hour, and one request asks for it three times: remembering the last one saves most of the parsing.
  let lastHour = ""
  let lastTokens: HourTokens | undefined

  return (instance: Features, index: number, count: number): number => {
    let sum = intercept
    for (const field of fields) {
      const value = instance[field.from]
      // Anything else is not a feature: missing, or a property that a plain object inherits.
      if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") continue
      let token = typeof value === "string" ? value : String(value)
      if (field.as !== undefined) {
        if (token !== lastHour) {
          lastTokens = parseHour(token)
          lastHour = token
        }
        if (lastTokens === undefined) throw invalidHour(field.from, index, count)
        token = lastTokens[field.as]
      }
      const hash = hashToken(field.prefix, token)
      if (hash >= 0) sum += coefficientOf(hash % buckets)
      else sum -= coefficientOf(-hash % buckets)
    }
    return sum
  }
}

function logistic(decisionValue: number): number {
  return 1 / (1 + Math.exp(-decisionValue))
}

function invalidHour(field: string, index: number, count: number): GatewayError {
  const segment = field.replaceAll("~", "~0").replaceAll("/", "~1")
  const pointer = count === 1 ? `/features/${segment}` : `/instances/${index}/${segment}`
  const detail = "must be an hour as YYMMDDHH, eight digits: 14102100 is midnight of 21 October 2014"
  return new GatewayError("features_invalid", { detail: `${pointer} ${detail}.`, errors: [{ pointer, detail }] })
}
