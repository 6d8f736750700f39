import type { ErrorCode, GatewayError } from "../domain/errors.ts"
import type { Answer } from "./call.ts"

interface ProblemSpec {
  readonly status: number
  readonly title: string
  /** Seconds for `Retry-After`, where trying again can help. */
  readonly retryAfterSeconds?: number
  /** What the person who gets it can do: the page behind the type. */
  readonly help: string
}

/** Every error code on the wire. The compiler keeps it complete. */
export const PROBLEMS = {
  bad_request: { status: 400, title: "Bad request", help: "Correct the request as the detail says." },
  invalid_json: {
    status: 400,
    title: "Body is not valid JSON",
    help: "Send one JSON document in UTF-8 without a byte order mark, without duplicate keys, at most 32 levels deep.",
  },
  validation_failed: {
    status: 422,
    title: "Request does not fit the contract",
    help: "Each entry of `errors` points at a place in the body and says what would be right. The contract is at /openapi.json.",
  },
  not_an_object: {
    status: 400,
    title: "Body is not an object",
    help: "Send a JSON object, or for rewards an object, a list of objects or NDJSON.",
  },
  unauthorized: {
    status: 401,
    title: "API key missing or unknown",
    help: "Send `Authorization: Bearer <key>` with a key that is in force: one of API_KEYS, or one that was made under /admin/keys and is neither revoked nor expired.",
  },
  forbidden: {
    status: 403,
    title: "API key lacks the permission",
    help: "Use a key that has the permission which the detail names.",
  },
  rate_limited: {
    status: 429,
    title: "Too many requests",
    retryAfterSeconds: 1,
    help: "The key is used more often than its requestsPerSecond allow, or too many wrong keys came from one address. Wait as long as Retry-After says.",
  },
  keys_not_managed: {
    status: 409,
    title: "Keys are not managed here",
    help: "A gateway that asks for no keys has nobody to make them for: start it with API_KEYS. A Worker knows the keys of API_KEYS alone.",
  },
  too_many_keys: {
    status: 409,
    title: "There are too many keys",
    help: "Revoke keys that nobody uses: lastUsedAt says which.",
  },
  identity_unavailable: {
    status: 503,
    title: "Identity provider can't be asked",
    retryAfterSeconds: 5,
    help: "The gateway needs the provider's keys to check a user's token. API keys work without it.",
  },
  not_found: { status: 404, title: "Not found", help: "See /openapi.json for the paths there are." },
  experiment_not_found: {
    status: 404,
    title: "Experiment not found",
    help: "Check the experiment's id, or add its document to EXPERIMENTS_DIR.",
  },
  experiment_gone: {
    status: 410,
    title: "Experiment is gone",
    help: "The experiment was removed after the decision was made; its rewards are no longer taken.",
  },
  revision_not_served: {
    status: 503,
    title: "Revision is not served here yet",
    retryAfterSeconds: 1,
    help: "The decision was made by a revision of its experiment that this gateway doesn't know yet. Send the reward again.",
  },
  method_not_allowed: { status: 405, title: "Method not allowed", help: "Use a method that the Allow header lists." },
  not_acceptable: { status: 406, title: "Only application/json is served", help: "Accept application/json." },
  request_timeout: {
    status: 408,
    title: "Request did not arrive in time",
    help: "Send the headers within two seconds and the whole request within three.",
  },
  payload_too_large: {
    status: 413,
    title: "Request body is too large",
    help: "A prediction takes 64 KiB, a batch of rewards 1 MiB and 1,000 items. Send smaller requests.",
  },
  uri_too_long: { status: 414, title: "URL is too long", help: "Keep the URL below 4 KiB." },
  headers_too_large: {
    status: 431,
    title: "Too many or too large headers",
    help: "Send at most 100 headers and 8 KiB of them.",
  },
  unsupported_media_type: {
    status: 415,
    title: "Content type is not supported",
    help: "Send `Content-Type: application/json` (or application/x-ndjson for a batch of rewards), in UTF-8.",
  },
  unsupported_encoding: {
    status: 415,
    title: "Content encoding is not supported",
    help: "Send the body uncompressed.",
  },
  expectation_failed: {
    status: 417,
    title: "Expectation can't be met",
    help: "Leave the Expect header out, or send `Expect: 100-continue`.",
  },
  misdirected: {
    status: 421,
    title: "Host is not served here",
    help: "Call the gateway by a name that it serves. Without API keys these are localhost and loopback addresses; ALLOWED_HOSTS adds names.",
  },
  transfer_coding_unsupported: {
    status: 501,
    title: "Transfer coding is not supported",
    help: "Send the body with a Content-Length, or with `Transfer-Encoding: chunked` alone.",
  },
  http_version_unsupported: { status: 505, title: "HTTP version is not supported", help: "Send HTTP/1.1." },
  overloaded: {
    status: 503,
    title: "Gateway is overloaded",
    retryAfterSeconds: 1,
    help: "More arrives than can be answered in time. Wait for the seconds of Retry-After, then send the request again.",
  },
  admin_busy: {
    status: 429,
    title: "Too many requests of the control plane at once",
    retryAfterSeconds: 1,
    help: "The gateway is overloaded and serves predictions and rewards first. Wait for the seconds of Retry-After, then send the request again.",
  },
  origin_not_allowed: {
    status: 403,
    title: "Origin is not allowed",
    help: "Pages of the origins in CORS_ORIGINS may post rewards. Under /admin only pages of the gateway itself may change anything; behind a proxy, PUBLIC_URL says which these are.",
  },
  features_invalid: {
    status: 422,
    title: "Features can't be scored",
    help: "Each entry of `errors` points at a feature and says what would be right.",
  },
  token_malformed: {
    status: 400,
    title: "Decision token is missing or unreadable",
    help: "Send the `decision` of a prediction unchanged. A placeholder such as ${TOKEN} means that the ad server did not fill it in.",
  },
  token_invalid: {
    status: 403,
    title: "Decision token is not valid",
    help: "Send the `decision` of a prediction of this gateway unchanged, within the life of its signing key.",
  },
  token_expired: {
    status: 410,
    title: "Decision token has expired",
    help: "A token lives for twice the longest attribution window of its experiment's metrics.",
  },
  reward_out_of_range: {
    status: 422,
    title: "Reward is outside the metric's bounds",
    help: "Send a value within the metric's bounds, exactly 0 or 1 for a binary metric.",
  },
  reward_out_of_window: {
    status: 409,
    title: "Reward is outside the attribution window",
    help: "It was logged as late. Send rewards sooner or raise attributionWindowSeconds.",
  },
  backend_failed: {
    status: 503,
    title: "No variant could answer",
    retryAfterSeconds: 1,
    help: "The chosen variant and the fallback failed.",
  },
  backend_unavailable: {
    status: 503,
    title: "No variant can be asked now",
    retryAfterSeconds: 1,
    help: "The target of the chosen variant has failed so often that it is left alone for some seconds, or has as many calls under way as it may, and nothing else could answer.",
  },
  wrong_shape: {
    status: 503,
    title: "No variant gave a usable answer",
    retryAfterSeconds: 1,
    help: "What the model answered doesn't fit the request: another number of predictions, or something that is no finite number.",
  },
  not_taken: {
    status: 503,
    title: "No variant takes such a request",
    retryAfterSeconds: 1,
    help: "The chosen variant and those that could stand in for it can't be asked this way: a body in another protocol than they speak, or features without a declared request.",
  },
  deadline_exceeded: {
    status: 503,
    title: "No variant answered in time",
    retryAfterSeconds: 1,
    help: "Neither the chosen variant nor the fallback answered within the deadline.",
  },
  revision_conflict: {
    status: 409,
    title: "Another revision was published meanwhile",
    help: "Read the experiment again, make the change to its newest revision, and publish that.",
  },
  precondition_required: {
    status: 428,
    title: "Say which revision the change is for",
    help: 'Send `If-Match: "7"` with the ETag of the document that you have read, or `If-None-Match: *` to create an experiment.',
  },
  precondition_failed: {
    status: 412,
    title: "Experiment has changed since",
    help: "Somebody published another revision. Read the experiment again, make the change to its newest revision, and send that.",
  },
  transition_refused: {
    status: 409,
    title: "Status does not allow this step",
    help: "The detail names the statuses that do: start a draft, pause what runs, resume what is paused, conclude any of them.",
  },
  experiment_managed: {
    status: 409,
    title: "Experiment is kept in a file",
    help: "Change the file that the detail names; the gateway publishes it. Pausing, and resuming what was paused here, works all the same.",
  },
  too_many_experiments: {
    status: 409,
    title: "Too many experiments",
    help: "A gateway keeps 10,000. Delete some that have concluded.",
  },
  audit_unavailable: {
    status: 503,
    title: "Audit trail is unavailable",
    retryAfterSeconds: 1,
    help: "Nothing is changed that can't be recorded. Send the request again.",
  },
  log_unavailable: {
    status: 503,
    title: "Outcome log is unavailable",
    retryAfterSeconds: 1,
    help: "The reward was not taken. Send it again.",
  },
  store_unavailable: {
    status: 503,
    title: "State store is unavailable",
    retryAfterSeconds: 1,
    help: "Try again.",
  },
  config_invalid: { status: 422, title: "Configuration is not valid", help: "Correct what the detail names." },
  not_configured: {
    status: 503,
    title: "Gateway is not configured",
    help: "Whoever runs it has not set its keys; its log says what is missing.",
  },
  not_implemented: {
    status: 501,
    title: "Not served here",
    help: "The protocol has this call, the gateway doesn't serve it. The page of the dialect says what it serves.",
  },
  internal: { status: 500, title: "Internal error", help: "The gateway's own mistake; its log has the details." },
} as const satisfies Record<ErrorCode, ProblemSpec>

const SPECS: Readonly<Record<ErrorCode, ProblemSpec>> = PROBLEMS

/** RFC 9457 members. `type` is a path of this gateway, where a page explains it. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: ErrorCode
  readonly detail?: string
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[]
}

/** The last path segment of a problem's type: one for each code, with one title and one status. */
export function problemSlug(code: ErrorCode): string {
  return code.replaceAll("_", "-")
}

/** A problem document. 5xx never carry a detail that came from elsewhere: only ours are put into GatewayErrors. */
export function toProblem(error: GatewayError): Problem {
  const { status, title } = SPECS[error.code]
  return {
    type: `/problems/${problemSlug(error.code)}`,
    title,
    status,
    code: error.code,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    ...(error.errors === undefined ? {} : { errors: error.errors }),
  }
}

/** Headers of every problem document. */
export function problemHeaders(error: GatewayError): Record<string, string> {
  const retryAfterSeconds = error.retryAfterSeconds ?? SPECS[error.code].retryAfterSeconds
  return {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    ...(error.code === "unauthorized" ? { "www-authenticate": "Bearer" } : {}),
    ...(retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) }),
  }
}

/** The problem as an answer. */
export function problemAnswer(error: GatewayError, headers: Readonly<Record<string, string>> = {}): Answer {
  const problem = toProblem(error)
  return { status: problem.status, headers: { ...problemHeaders(error), ...headers }, body: JSON.stringify(problem) }
}
