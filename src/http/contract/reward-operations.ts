import type { ErrorCode } from "../../domain/errors.ts"
import { MAX_REWARD } from "../../domain/metric.ts"
import { BATCH_ANSWER, RECEIPT_EXAMPLE, TOKEN_EXAMPLE } from "./examples.ts"
import { jsonAnswer, type Operation, type OperationAnswer, type Parameter } from "./operation.ts"
import { MAX_INSTANCE, MAX_METRIC_LENGTH, TOKEN_LIKE } from "./reward-body.ts"

/** What a reward can be refused with. */
export const rewardProblems: readonly ErrorCode[] = [
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

const oneOrBatch = ["RewardReceipt", "RewardBatchAnswer"] as const

const rewardReceipts: readonly OperationAnswer[] = [
  jsonAnswer(200, "Applied, or a duplicate of one that was", "RewardReceipt", RECEIPT_EXAMPLE),
  jsonAnswer(202, "Accepted: durable, counted later", "RewardReceipt"),
]

function inQuery(name: string, description: string, schema: Parameter["schema"]): Parameter {
  return { name, in: "query", required: false, description, schema }
}

const prefetched: OperationAnswer = {
  status: 204,
  description: "A browser's prefetch (Sec-Purpose or Purpose: prefetch): nothing was counted",
}

/** What is no text: a query that holds it was put together wrongly. */
const CONTROLS = "\\u0000-\\u001f\\u007f-\\u009f"

function textLike(pattern: string): Readonly<Record<string, unknown>> {
  return { type: "string", pattern }
}

/** What a postback may say, and in which parameter. */
export const POSTBACK_PARAMETERS: readonly Parameter[] = [
  {
    ...inQuery("d", "The decision token, unchanged", textLike(TOKEN_LIKE)),
    required: true,
    example: TOKEN_EXAMPLE,
  },
  inQuery(
    "m",
    "Metric; the one that the experiment learns from when left out",
    textLike(`^[^%${CONTROLS}]{1,${MAX_METRIC_LENGTH}}$`),
  ),
  {
    ...inQuery("v", "Value, a decimal number within the metric's bounds; 1 when left out", {
      type: "number",
      default: 1,
      minimum: -MAX_REWARD,
      maximum: MAX_REWARD,
    }),
    example: "1",
  },
  inQuery(
    "e",
    "Event id: tells a second reward of one decision from a retry of the first",
    textLike("^[\\x21-\\x24\\x26-\\x7e]{1,64}$"),
  ),
  inQuery("i", "Which of the decision's instances it is for, from 0; logged, no effect on what is counted", {
    type: "integer",
    minimum: 0,
    maximum: MAX_INSTANCE,
  }),
  inQuery(
    "exp",
    "The experiment that the caller expects; a token of another one is refused",
    textLike(`^[^%${CONTROLS}]*$`),
  ),
]

export const REWARD_OPERATIONS = [
  {
    id: "reward",
    method: "post",
    path: "/reward",
    tag: "Reward",
    partition: "reward",
    summary: "Credit one reward, or a batch of up to 1,000",
    description:
      "The decision token is the proof: no key is needed. An answer outside 5xx means that the gateway has decided; a reward that was answered 200 or " +
      "202 is durable. Sending one again is safe: it is a duplicate. A batch (a list, or NDJSON) is answered item by item.",
    request: {
      maxBytes: 1_048_576,
      contents: [
        {
          mediaType: "application/json",
          schemas: ["RewardItem"],
          example: { decision: TOKEN_EXAMPLE, metric: "click", value: 1 },
        },
        { mediaType: "application/json", schemas: ["RewardItem"], list: true, example: [{ decision: TOKEN_EXAMPLE }] },
        { mediaType: "application/x-ndjson", example: `{"decision":"${TOKEN_EXAMPLE}"}\n` },
      ],
    },
    answers: [
      jsonAnswer(200, "Applied or duplicate; of a batch, every item", oneOrBatch, RECEIPT_EXAMPLE),
      jsonAnswer(202, "Accepted: durable, counted later; of a batch, every item", oneOrBatch),
      jsonAnswer(207, "A batch whose items differ, or some of which were refused", "RewardBatchAnswer", BATCH_ANSWER),
    ],
    problems: ["overloaded", ...rewardProblems],
  },
  {
    id: "rewardPreflight",
    method: "options",
    path: "/reward",
    tag: "Reward",
    partition: "reward",
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
    partition: "reward",
    summary: "Credit a reward by URL, for ad-server postbacks",
    description:
      "The same for servers that can only call a URL. Parameters besides these, repeated or wrongly escaped ones are refused. HEAD is refused; a " +
      "prefetch is not counted.",
    parameters: POSTBACK_PARAMETERS,
    answers: [...rewardReceipts, prefetched],
    problems: rewardProblems,
  },
  {
    id: "rewardPixel",
    method: "get",
    path: "/reward.gif",
    tag: "Reward",
    partition: "reward",
    summary: "Credit a reward by a pixel",
    description:
      "The same, answered with a transparent image of one pixel. What can't be credited is a problem document.",
    parameters: POSTBACK_PARAMETERS,
    answers: [
      { status: 200, description: "Credited, or credited before", content: [{ mediaType: "image/gif" }] },
      prefetched,
    ],
    problems: rewardProblems,
  },
] as const satisfies readonly Operation[]
