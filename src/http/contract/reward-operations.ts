import type { ErrorCode } from "../../domain/errors.ts"
import { BATCH_ANSWER, RECEIPT_EXAMPLE, TOKEN_EXAMPLE } from "./examples.ts"
import type { Operation, OperationAnswer, Parameter } from "./operation.ts"

const rewardProblems: readonly ErrorCode[] = [
  "token_malformed",
  "token_invalid",
  "token_expired",
  "experiment_gone",
  "revision_not_served",
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

/** What is no text: a query that holds it was put together wrongly. */
const CONTROLS = "\\u0000-\\u001f\\u007f-\\u009f"
/** No experiment's bounds go further. */
const MAX_REWARD = 10_000

const postbackParameters: readonly Parameter[] = [
  {
    name: "d",
    in: "query",
    required: true,
    description: "The decision token, unchanged",
    schema: { type: "string", pattern: "^[A-Za-z0-9._-]{1,200}$" },
    example: TOKEN_EXAMPLE,
  },
  {
    name: "m",
    in: "query",
    required: false,
    description: "Metric; the one that the experiment learns from when left out",
    schema: { type: "string", pattern: `^[^%${CONTROLS}]{1,64}$` },
  },
  {
    name: "v",
    in: "query",
    required: false,
    description: "Value, a decimal number within the metric's bounds; 1 when left out",
    schema: { type: "number", default: 1, minimum: -MAX_REWARD, maximum: MAX_REWARD },
    example: "1",
  },
  {
    name: "e",
    in: "query",
    required: false,
    description: "Event id: tells a second reward of one decision from a retry of the first",
    schema: { type: "string", pattern: "^[\\x21-\\x24\\x26-\\x7e]{1,64}$" },
  },
  {
    name: "i",
    in: "query",
    required: false,
    description: "Which of the decision's instances it is for, from 0; logged, no effect on what is counted",
    schema: { type: "integer", minimum: 0, maximum: 255 },
  },
  {
    name: "exp",
    in: "query",
    required: false,
    description: "The experiment that the caller expects; a token of another one is refused",
    schema: { type: "string", pattern: `^[^%${CONTROLS}]*$` },
  },
]

export const REWARD_OPERATIONS: readonly Operation[] = [
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
      "overloaded",
      ...rewardProblems,
    ],
  },
  {
    id: "rewardPreflight",
    method: "options",
    path: "/reward",
    tag: "Reward",
    summary: "Whether a page's script may post rewards",
    description:
      "A browser asks this before it posts JSON to another origin. Pages of the origins in CORS_ORIGINS may, none when it is not set.",
    parameters: [
      {
        name: "Origin",
        in: "header",
        required: true,
        description: "Where the page comes from",
        schema: { type: "string" },
        example: "https://shop.example",
      },
      {
        name: "Access-Control-Request-Method",
        in: "header",
        required: true,
        description: "What the script wants to send",
        schema: { type: "string", enum: ["GET", "POST"] },
        example: "POST",
      },
    ],
    answers: [{ status: 204, description: "It may, as the headers say" }],
    problems: ["origin_not_allowed"],
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
]
