import type { DecisionId, ExperimentId, VariantId } from "../domain/ids.ts"

/** One instance to score: feature name to value. A Map-like plain record without prototype keys. */
export type Features = Readonly<Record<string, string | number | boolean>>

/** A body that the gateway passes through without reading it. */
export interface OpaqueBody {
  readonly bytes: Uint8Array
  readonly contentType: string
}

/** One question to one model. */
export interface ModelCall {
  /** 1 to 256 instances; empty only where there is a payload instead. */
  readonly instances: readonly Features[]
  /** The caller's own request body, for a backend that speaks the caller's format; undefined where the gateway read it. */
  readonly payload: OpaqueBody | undefined
  readonly decisionId: DecisionId
  readonly experiment: ExperimentId
  /** The variant that is asked: the chosen one, or the one that stands in for it. */
  readonly variant: VariantId
  /** Headers that continue the request's trace (W3C Trace Context) in a call to a remote model; made when asked for. */
  readonly traceHeaders: () => Readonly<Record<string, string>>
}

/**
 * What a model answers: one number per instance in order; a body that only the caller understands; or the promise of an answer at another
 * place, from a backend that works asynchronously.
 */
export type ModelAnswer =
  | { readonly kind: "scores"; readonly scores: readonly number[] }
  | { readonly kind: "body"; readonly body: OpaqueBody }
  | { readonly kind: "accepted"; readonly location: string }

/** Something that answers predictions for one variant. */
export interface ModelEndpoint {
  /** Name of the model that answers, for the response and the log. */
  readonly model: string
  /** SHA-256 of the model's files, in hex; undefined where they are somewhere else. */
  readonly sha256?: string | undefined
  /** Whether a network lies between: only then is a deadline armed. A local one answers synchronously. */
  readonly remote: boolean
  /** Names of the features that the model reads; undefined where the endpoint can't tell. */
  readonly knownFeatures: ReadonlySet<string> | undefined
  /**
   * Answers one call. An in-process scorer answers synchronously; a remote one returns a promise and honours `signal`.
   *
   * @throws GatewayError `features_invalid` when an instance can't be scored by anyone's model (the caller's mistake),
   *         `backend_failed` when the model failed
   */
  predict(call: ModelCall, signal: AbortSignal | undefined): ModelAnswer | Promise<ModelAnswer>
}
