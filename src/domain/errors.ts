/** Everything that can go wrong, by name. `src/http/problem.ts` maps each to its problem document. */
export type ErrorCode =
  | "bad_request"
  | "invalid_json"
  | "not_an_object"
  | "validation_failed"
  | "unauthorized"
  | "forbidden"
  | "rate_limited"
  | "keys_not_managed"
  | "too_many_keys"
  | "identity_unavailable"
  | "not_found"
  | "experiment_not_found"
  | "experiment_gone"
  | "revision_not_served"
  | "method_not_allowed"
  | "not_acceptable"
  | "origin_not_allowed"
  | "request_timeout"
  | "payload_too_large"
  | "uri_too_long"
  | "headers_too_large"
  | "unsupported_media_type"
  | "unsupported_encoding"
  | "expectation_failed"
  | "misdirected"
  | "transfer_coding_unsupported"
  | "http_version_unsupported"
  | "overloaded"
  | "admin_busy"
  | "features_invalid"
  | "token_invalid"
  | "token_malformed"
  | "token_expired"
  | "reward_out_of_range"
  | "reward_out_of_window"
  | "backend_failed"
  | "backend_unavailable"
  | "wrong_shape"
  | "not_taken"
  | "deadline_exceeded"
  | "revision_conflict"
  | "precondition_required"
  | "precondition_failed"
  | "transition_refused"
  | "experiment_managed"
  | "too_many_experiments"
  | "audit_unavailable"
  | "log_unavailable"
  | "store_unavailable"
  | "config_invalid"
  | "not_configured"
  | "not_implemented"
  | "internal"

/** One place in the input and what is wrong there. `pointer` is an RFC 6901 JSON pointer. */
export interface InputError {
  readonly pointer: string
  readonly detail: string
}

/** The only error that domain, use cases and adapters throw on purpose. */
export class GatewayError extends Error {
  readonly code: ErrorCode
  readonly detail: string | undefined
  readonly errors: readonly InputError[] | undefined
  /** After how long it is worth trying again, where that isn't the same for every error of the code. */
  readonly retryAfterSeconds: number | undefined
  /** HTTP status that a model's server answered, where it did. */
  readonly backendStatus: number | undefined

  constructor(
    code: ErrorCode,
    options: {
      readonly detail?: string
      readonly cause?: unknown
      readonly errors?: readonly InputError[]
      readonly retryAfterSeconds?: number
      readonly backendStatus?: number | undefined
    } = {},
  ) {
    super(options.detail ?? code, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = "GatewayError"
    this.code = code
    this.detail = options.detail
    this.errors = options.errors
    this.retryAfterSeconds = options.retryAfterSeconds
    this.backendStatus = options.backendStatus
  }
}
