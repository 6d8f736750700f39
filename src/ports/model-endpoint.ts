import type { Misfit } from "../domain/backends/misfits.ts"
import type { ModelSignature } from "../domain/backends/signature.ts"
import type { DecisionId, ExperimentId, VariantId } from "../domain/ids.ts"
import type { CallHealth } from "./outbound-http.ts"

/** One instance to score: feature name to value. A Map-like plain record without prototype keys. */
export type Features = Readonly<Record<string, string | number | boolean>>

/** What callers and model servers speak whose bodies the gateway can pass through. `sagemaker-async`: InvokeEndpointAsync. */
export type WireProtocol = "tensorflow-v1" | "open-inference-v2" | "seldon-v1" | "sagemaker" | "sagemaker-async"

/** A body that the gateway passes through without reading it. */
export interface OpaqueBody {
  readonly bytes: Uint8Array
  /** Undefined where whoever sent it didn't say. */
  readonly contentType: string | undefined
  /**
   * What belongs to the body and travels as headers, names in lower case: `inference-header-content-length` of Open Inference, those of
   * SageMaker (`x-amzn-sagemaker-…`, `accept`). An endpoint sends on only those that it knows; credentials and cookies don't belong here.
   */
  readonly headers: Readonly<Record<string, string>>
}

/** A caller's body, with the protocol that it is written in. To which path it goes is for the endpoint to know. */
export interface OpaqueRequest extends OpaqueBody {
  readonly protocol: WireProtocol
}

/** One question to one model. */
export interface ModelCall {
  /** 1 to 256 instances; empty where the gateway did not read the request: then there is a payload. */
  readonly instances: readonly Features[]
  /** The caller's own request body, for endpoints that speak its protocol; they are asked with it, the others with the instances. */
  readonly payload: OpaqueRequest | undefined
  readonly decisionId: DecisionId
  readonly experiment: ExperimentId
  /** The variant that is asked: the chosen one, or the one that stands in for it. */
  readonly variant: VariantId
  /** Headers that continue the request's trace (W3C Trace Context) in a call to a remote model; made when asked for. */
  readonly traceHeaders: () => Readonly<Record<string, string>>
  /** Milliseconds that this call may take; a remote model is told. */
  readonly timeoutMs: number
}

/** What an endpoint can be asked with. */
export interface Takes {
  /** Whether it makes its request of instances that the gateway read. */
  readonly features: boolean
  /** Protocols whose bodies it passes through. */
  readonly bodies: readonly WireProtocol[]
}

/** What the server of a model says of it, compared with what the document declares. */
export interface ModelDescription {
  /** Undefined where the server didn't say. */
  readonly signature: ModelSignature | undefined
  readonly misfits: readonly Misfit[]
  /** Why the server didn't say; undefined where it did. */
  readonly unread: string | undefined
  /** Whether it answered anything at all. */
  readonly reached: boolean
}

/** How an endpoint asks its server, for people to look at. */
export interface RequestPreview {
  readonly target: string
  readonly protocol: string
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** Of one instance; the text `<name>` stands where the value of a feature goes. */
  readonly body: string
}

/**
 * What a model answers: one number per instance in order; a body that only the caller understands; or the promise of an answer at another
 * place, from a backend that works asynchronously.
 */
export type ModelAnswer = FromServer &
  (
    | { readonly kind: "scores"; readonly scores: readonly number[] }
    | { readonly kind: "body"; readonly body: OpaqueBody }
    | {
        readonly kind: "accepted"
        readonly location: string
        /** Where to look when the model failed; undefined where the backend doesn't say. */
        readonly failureLocation?: string | undefined
      }
  )

/** What every answer has. */
interface FromServer {
  /** HTTP status of the server's answer; absent where no server was asked. */
  readonly status?: number
}

/** Something that answers predictions for one variant. */
export interface ModelEndpoint {
  /** Name of the model that answers, for the response and the log. */
  readonly model: string
  /** Name of the target that it is at; absent for a model in this process. */
  readonly target?: string
  /** SHA-256 of the model's files, in hex; undefined where they are somewhere else. */
  readonly sha256?: string | undefined
  /** Whether a network lies between: only then is a deadline armed. A local one answers synchronously. */
  readonly remote: boolean
  /** Milliseconds: the most that one call may take, however much is left for the request. Absent: all of that. */
  readonly timeoutMs?: number | undefined
  /** Names of the features that the model reads; undefined where the endpoint can't tell. */
  readonly knownFeatures: ReadonlySet<string> | undefined
  readonly takes: Takes
  /** Whether it would be asked now: a target that keeps failing isn't for a while. Absent: always. */
  readonly isReady?: () => boolean
  /** How the calls to its server go; absent where there is none. */
  readonly health?: () => CallHealth
  /** The most bytes of a body that it passes on; absent where it passes on none. */
  readonly maxBodyBytes?: number
  /** Asks its server what the model takes, off the request path. Never rejects, and takes two seconds at most. Absent where no server can say. */
  readonly describe?: () => Promise<ModelDescription>
  /** What came of that last; undefined where nobody has asked yet. */
  readonly description?: () => ModelDescription | undefined
  /** How it asks its server; absent where there is none. */
  readonly preview?: () => RequestPreview | undefined
  /**
   * Answers one call. An in-process scorer answers synchronously; a remote one returns a promise and gives up after `call.timeoutMs`.
   *
   * @throws GatewayError `features_invalid` when an instance can't be scored by anyone's model (the caller's mistake),
   *         `backend_failed` when the model failed, with the status of its server where it answered
   */
  predict(call: ModelCall): ModelAnswer | Promise<ModelAnswer>
}
