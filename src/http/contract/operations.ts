import type { ErrorCode } from "../../domain/errors.ts"
import type { Permission } from "../authorize.ts"
import { BATCH_ANSWER, FEATURES_EXAMPLE, PREDICTION_EXAMPLE, RECEIPT_EXAMPLE, TOKEN_EXAMPLE } from "./examples.ts"

/** A parameter of an operation. `schema` is JSON Schema. */
export interface Parameter {
  readonly name: string
  readonly in: "path" | "query" | "header"
  readonly required: boolean
  readonly description: string
  readonly schema: Readonly<Record<string, unknown>>
  readonly example?: string
}

/** One media type of a request or an answer: the component schemas that fit (any of them), and an example. */
export interface Content {
  readonly mediaType: string
  readonly schemas?: readonly string[]
  /** Whether the body is a list of them. */
  readonly list?: boolean
  readonly example?: unknown
}

export interface OperationAnswer {
  readonly status: number
  readonly description: string
  readonly content?: readonly Content[]
  readonly headers?: Readonly<Record<string, string>>
}

/** One method of one path, as the OpenAPI document and the page tell it. */
export interface Operation {
  readonly id: string
  readonly method: "get" | "post"
  /** With `{name}` for each path parameter. */
  readonly path: string
  readonly tag: "Predict" | "Reward" | "Experiments" | "Operations"
  readonly summary: string
  readonly description: string
  /** What the caller's key must be allowed to do, where keys are configured. */
  readonly permission?: Permission
  readonly parameters?: readonly Parameter[]
  readonly request?: readonly Content[]
  readonly answers: readonly OperationAnswer[]
  /** Problems beside those that every operation can answer. */
  readonly problems?: readonly ErrorCode[]
}

/** What any operation can answer: the URL, the headers, the gateway itself. */
export const COMMON_PROBLEMS: readonly ErrorCode[] = [
  "bad_request",
  "method_not_allowed",
  "uri_too_long",
  "headers_too_large",
  "not_configured",
  "internal",
]

const experimentInPath: Parameter = {
  name: "experiment",
  in: "path",
  required: true,
  description: "The experiment's id",
  schema: { type: "string", pattern: "^[a-z0-9][a-z0-9-]{0,62}$" },
  example: "banner-ctr",
}

const deadline: Parameter = {
  name: "X-Deadline-Ms",
  in: "header",
  required: false,
  description: "Milliseconds for the whole request, brought into 5 to 2000",
  schema: { type: "number", default: 100 },
}

const predict = {
  method: "post",
  tag: "Predict",
  permission: "predict",
  answers: [
    {
      status: 200,
      description: "The prediction, and the decision that it came from",
      content: [{ mediaType: "application/json", schemas: ["PredictAnswer"], example: PREDICTION_EXAMPLE }],
      headers: {
        "x-variant": "The variant that was chosen",
        "x-decision-id": "The decision's id",
        "server-timing": "Milliseconds of deciding and of the backend",
      },
    },
  ],
  problems: [
    "invalid_json",
    "not_an_object",
    "validation_failed",
    "features_invalid",
    "experiment_not_found",
    "not_acceptable",
    "payload_too_large",
    "unsupported_media_type",
    "unsupported_encoding",
    "backend_failed",
    "deadline_exceeded",
  ],
} as const satisfies Partial<Operation>

const rewardProblems: readonly ErrorCode[] = [
  "token_malformed",
  "token_invalid",
  "token_expired",
  "experiment_gone",
  "validation_failed",
  "reward_out_of_range",
  "reward_out_of_window",
  "log_unavailable",
]

const rewardReceipts: readonly OperationAnswer[] = [
  {
    status: 200,
    description: "Applied, or a duplicate of one that was",
    content: [{ mediaType: "application/json", schemas: ["RewardReceipt"], example: RECEIPT_EXAMPLE }],
  },
  {
    status: 202,
    description: "Accepted: durable, counted later",
    content: [{ mediaType: "application/json", schemas: ["RewardReceipt"] }],
  },
]

const prefetched: OperationAnswer = {
  status: 204,
  description: "A browser's prefetch (Sec-Purpose or Purpose: prefetch): nothing was counted",
}

const text = (maxLength: number) => ({ type: "string", minLength: 1, maxLength })

const postbackParameters: readonly Parameter[] = [
  {
    name: "d",
    in: "query",
    required: true,
    description: "The decision token",
    schema: text(200),
    example: TOKEN_EXAMPLE,
  },
  {
    name: "m",
    in: "query",
    required: false,
    description: "Metric; the experiment's own when left out",
    schema: text(64),
  },
  {
    name: "v",
    in: "query",
    required: false,
    description: "Value, a decimal number within the experiment's bounds; 1 when left out",
    schema: { type: "number", default: 1 },
    example: "1",
  },
  {
    name: "e",
    in: "query",
    required: false,
    description: "Event id: tells a second reward of one decision from a retry of the first",
    schema: { type: "string", pattern: "^[\\x21-\\x7e]{1,64}$" },
  },
  {
    name: "exp",
    in: "query",
    required: false,
    description: "The experiment that the caller expects; a token of another one is refused",
    schema: { type: "string" },
  },
]

/** Every operation, in the order of the page. */
export const OPERATIONS: readonly Operation[] = [
  {
    ...predict,
    id: "predict",
    path: "/predict",
    summary: "Choose a variant and predict with it",
    description:
      "Decides on a variant for the unit, asks its model, logs the decision and answers. A body with none of experiment, features and instances " +
      "is taken whole as the features of the default experiment. Forcing a variant needs the permission force.",
    parameters: [deadline],
    request: [
      {
        mediaType: "application/json",
        schemas: ["PredictRequest", "Features"],
        example: { experiment: "banner-ctr", unitId: "user-42", features: FEATURES_EXAMPLE },
      },
    ],
  },
  {
    ...predict,
    id: "predictFor",
    path: "/predict/{experiment}",
    summary: "The same, the experiment named by the path",
    description: "As POST /predict. A body that names another experiment is refused.",
    parameters: [experimentInPath, deadline],
    request: [
      {
        mediaType: "application/json",
        schemas: ["PredictRequest", "Features"],
        example: { unitId: "user-42", features: FEATURES_EXAMPLE },
      },
    ],
  },
  {
    id: "reward",
    method: "post",
    path: "/reward",
    tag: "Reward",
    summary: "Credit one reward, or a batch of up to 1,000",
    description:
      "The decision token is the proof: no key is needed. An answer outside 5xx means that the gateway has decided; a reward that was answered 200 or " +
      "202 is durable. Sending one again is safe: it is a duplicate. A batch (a list, or NDJSON) is answered item by item.",
    request: [
      {
        mediaType: "application/json",
        schemas: ["RewardItem"],
        example: { decision: TOKEN_EXAMPLE, metric: "click", value: 1 },
      },
      { mediaType: "application/json", schemas: ["RewardItem"], list: true, example: [{ decision: TOKEN_EXAMPLE }] },
      { mediaType: "application/x-ndjson", example: `{"decision":"${TOKEN_EXAMPLE}"}\n` },
    ],
    answers: [
      {
        status: 200,
        description: "Applied or duplicate; of a batch, every item",
        content: [
          { mediaType: "application/json", schemas: ["RewardReceipt", "RewardBatchAnswer"], example: RECEIPT_EXAMPLE },
        ],
      },
      {
        status: 202,
        description: "Accepted: durable, counted later; of a batch, every item",
        content: [{ mediaType: "application/json", schemas: ["RewardReceipt", "RewardBatchAnswer"] }],
      },
      {
        status: 207,
        description: "A batch whose items differ, or some of which were refused",
        content: [{ mediaType: "application/json", schemas: ["RewardBatchAnswer"], example: BATCH_ANSWER }],
      },
    ],
    problems: [
      "invalid_json",
      "not_an_object",
      "payload_too_large",
      "unsupported_media_type",
      "unsupported_encoding",
      ...rewardProblems,
    ],
  },
  {
    id: "rewardPostback",
    method: "get",
    path: "/reward",
    tag: "Reward",
    summary: "Credit a reward by URL, for ad-server postbacks",
    description:
      "The same for servers that can only call a URL. Parameters besides these, repeated or wrongly escaped ones are refused. HEAD is refused; a " +
      "prefetch is not counted.",
    parameters: postbackParameters,
    answers: [...rewardReceipts, prefetched],
    problems: rewardProblems,
  },
  {
    id: "rewardPixel",
    method: "get",
    path: "/reward.gif",
    tag: "Reward",
    summary: "Credit a reward by a pixel",
    description:
      "The same, answered with a transparent image of one pixel. What can't be credited is a problem document.",
    parameters: postbackParameters,
    answers: [
      {
        status: 200,
        description: "Credited, or credited before",
        content: [{ mediaType: "image/gif" }],
      },
      prefetched,
    ],
    problems: rewardProblems,
  },
  {
    id: "listExperiments",
    method: "get",
    path: "/admin/experiments",
    tag: "Experiments",
    summary: "The experiments that are served",
    description: "Each with its status, revision, policy and variants.",
    permission: "read",
    answers: [
      {
        status: 200,
        description: "The experiments",
        content: [{ mediaType: "application/json", schemas: ["ExperimentList"] }],
      },
    ],
  },
  {
    id: "readExperiment",
    method: "get",
    path: "/admin/experiments/{experiment}",
    tag: "Experiments",
    summary: "One experiment's document",
    description: "The document in force, defaults filled in, and its revision, which is also the ETag.",
    permission: "read",
    parameters: [experimentInPath],
    answers: [
      {
        status: 200,
        description: "The document",
        content: [{ mediaType: "application/json", schemas: ["PublishedExperiment"] }],
        headers: { etag: "The revision in quotes" },
      },
    ],
    problems: ["experiment_not_found"],
  },
  {
    id: "readStatistics",
    method: "get",
    path: "/admin/experiments/{experiment}/stats",
    tag: "Experiments",
    summary: "What is known of each variant",
    description: "Counters, mean reward, the allocation and the posterior probability of being best.",
    permission: "read",
    parameters: [experimentInPath],
    answers: [
      {
        status: 200,
        description: "Statistics by variant",
        content: [{ mediaType: "application/json", schemas: ["Statistics"] }],
      },
    ],
    problems: ["experiment_not_found", "store_unavailable"],
  },
  {
    id: "readAllocation",
    method: "get",
    path: "/admin/experiments/{experiment}/allocation",
    tag: "Experiments",
    summary: "The allocation in force",
    description: "The probability of each variant, from the policy or from burn-in.",
    permission: "read",
    parameters: [experimentInPath],
    answers: [
      {
        status: 200,
        description: "Probability by variant",
        content: [{ mediaType: "application/json", schemas: ["Allocation"] }],
      },
    ],
    problems: ["experiment_not_found"],
  },
  {
    id: "explainChoice",
    method: "get",
    path: "/admin/experiments/{experiment}/explain",
    tag: "Experiments",
    summary: "What a unit would get, and why",
    description: "Every number that the choice is made from. Decides nothing and logs nothing.",
    permission: "read",
    parameters: [
      experimentInPath,
      {
        name: "unitId",
        in: "query",
        required: true,
        description: "The unit",
        schema: text(256),
        example: "user-42",
      },
    ],
    answers: [
      {
        status: 200,
        description: "The choice and its reasons",
        content: [{ mediaType: "application/json", schemas: ["Explanation"] }],
      },
    ],
    problems: ["experiment_not_found"],
  },
  {
    id: "healthz",
    method: "get",
    path: "/healthz",
    tag: "Operations",
    summary: "Alive",
    description: "The process answers.",
    answers: [
      { status: 200, description: "Alive", content: [{ mediaType: "application/json", schemas: ["Liveness"] }] },
    ],
  },
  {
    id: "readyz",
    method: "get",
    path: "/readyz",
    tag: "Operations",
    summary: "Ready for traffic",
    description: "With the state of each part. 503 while starting and while draining.",
    answers: [
      { status: 200, description: "Ready", content: [{ mediaType: "application/json", schemas: ["Readiness"] }] },
      { status: 503, description: "Not ready", content: [{ mediaType: "application/json", schemas: ["Readiness"] }] },
    ],
  },
  {
    id: "healthcheck",
    method: "get",
    path: "/healthcheck",
    tag: "Operations",
    summary: "Load balancer's check",
    description: "What load balancers of plain predictors ask for.",
    answers: [
      { status: 200, description: "Healthy", content: [{ mediaType: "application/json", schemas: ["Healthcheck"] }] },
    ],
  },
  {
    id: "metrics",
    method: "get",
    path: "/metrics",
    tag: "Operations",
    summary: "Metrics for Prometheus",
    description: "Counters, gauges and histograms in the text format of Prometheus; every name begins with bandit_.",
    permission: "read",
    answers: [{ status: 200, description: "Metrics", content: [{ mediaType: "text/plain" }] }],
  },
  {
    id: "openapi",
    method: "get",
    path: "/openapi.json",
    tag: "Operations",
    summary: "This contract as OpenAPI 3.1",
    description: "For code generators and gateways.",
    answers: [{ status: 200, description: "The document", content: [{ mediaType: "application/json" }] }],
  },
  {
    id: "docs",
    method: "get",
    path: "/docs",
    tag: "Operations",
    summary: "This contract as a page",
    description: "Made from the OpenAPI document; loads nothing else.",
    answers: [{ status: 200, description: "The page", content: [{ mediaType: "text/html" }] }],
  },
  {
    id: "problem",
    method: "get",
    path: "/problems/{slug}",
    tag: "Operations",
    summary: "What a problem means and what to do",
    description: "The type of every problem document is the path of its page.",
    parameters: [
      {
        name: "slug",
        in: "path",
        required: true,
        description: "The last segment of a problem's type",
        schema: { type: "string" },
        example: "token-invalid",
      },
    ],
    answers: [{ status: 200, description: "The page", content: [{ mediaType: "text/html" }] }],
    problems: ["not_found"],
  },
]
