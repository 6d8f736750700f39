import * as z from "zod"
import type { RewardCommand } from "../../app/reward.ts"
import { GatewayError } from "../../domain/errors.ts"
import { MAX_REWARD } from "../../domain/metric.ts"
import { MAX_TOKEN_LENGTH } from "../../domain/token.ts"
import { parseJson } from "../strict-json.ts"
import { unknownMembers } from "./unknown-members.ts"

/** In a batch. */
export const MAX_REWARDS = 1000
export const MAX_METRIC_LENGTH = 64
export const EVENT_ID = /^[\x21-\x7e]{1,64}$/
/** Told in the contract, not checked here: what verifying says of another text is more telling than "does not match". */
export const TOKEN_LIKE = `^[A-Za-z0-9._-]{1,${MAX_TOKEN_LENGTH}}$`
/** A decision has at most 256 instances. */
export const MAX_INSTANCE = 255
const INSTANCE_RULE = `must be an index into the decision's instances: a whole number from 0 to ${MAX_INSTANCE}`

/** One postback of `POST /reward`. */
export const rewardItemSchema = z
  .strictObject({
    decision: z.string("must be the decision token of a prediction").meta({ pattern: TOKEN_LIKE }),
    metric: z.string().min(1).max(MAX_METRIC_LENGTH).optional(),
    value: z.number("must be a finite number").meta({ minimum: -MAX_REWARD, maximum: MAX_REWARD }).optional(),
    eventId: z.string().regex(EVENT_ID, "must be 1 to 64 visible ASCII characters").optional(),
    instance: z
      .int(INSTANCE_RULE)
      .min(0, INSTANCE_RULE)
      .max(MAX_INSTANCE, INSTANCE_RULE)
      .optional()
      .describe("Which of the decision's instances it is for, from 0. Logged; no effect on what is counted"),
    experiment: z.string().optional(),
  })
  .meta({
    id: "RewardItem",
    description: "A reward of one decision. metric defaults to the one that the experiment learns from, value to 1.",
  })

const MEMBERS = Object.keys(rewardItemSchema.shape)
const OTHER_WORDS = new Map(
  Object.entries({
    decision: ["token", "decisiontoken"],
    metric: ["metricid", "metricname", "event", "name"],
    value: ["reward", "amount", "val", "score"],
    eventId: ["id", "rewardid", "transactionid", "idempotencykey"],
    instance: ["index", "position", "slot", "item"],
    experiment: ["exp", "experimentid"],
  }).flatMap(([member, words]) => words.map((word) => [word, member] as const)),
)

/** What came in: the items, each readable or refused, and whether they came as a batch. */
export interface RewardBody {
  readonly items: readonly (RewardCommand | GatewayError)[]
  readonly batch: boolean
}

/** Reads `POST /reward`'s body as JSON. @throws GatewayError `not_an_object`, `payload_too_large` */
export function readRewardJson(body: unknown): RewardBody {
  if (!Array.isArray(body)) {
    if (typeof body !== "object" || body === null) throw notRewards()
    return { items: [readItem(body)], batch: false }
  }
  if (body.length === 0) throw notRewards()
  if (body.length > MAX_REWARDS) throw tooMany()
  return { items: body.map(readItem), batch: true }
}

/** What tells a line from an empty one: anything but the white space of JSON (RFC 8259, section 2). */
export const IN_A_LINE = "[^ \\t\\r\\n]"
const FILLED = new RegExp(IN_A_LINE)

/** Reads NDJSON: a bad line spoils only itself. */
export function readRewardLines(text: string): RewardBody {
  const lines = text.split("\n").filter((line) => FILLED.test(line))
  if (lines.length === 0) throw notRewards()
  if (lines.length > MAX_REWARDS) throw tooMany()
  const items = lines.map((line) => {
    try {
      return readItem(parseJson(line))
    } catch (error) {
      if (error instanceof GatewayError) return error
      throw error
    }
  })
  return { items, batch: true }
}

function readItem(item: unknown): RewardCommand | GatewayError {
  const parsed = rewardItemSchema.safeParse(item)
  if (parsed.success) {
    const { decision, metric, value, eventId, instance, experiment } = parsed.data
    return { decision, metric, value, eventId, instance, experiment }
  }
  if (typeof item !== "object" || item === null || !("decision" in item)) {
    return new GatewayError("token_malformed", { detail: "Send the decision token of a prediction as `decision`." })
  }
  const errors = parsed.error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? unknownMembers(issue.keys, MEMBERS, OTHER_WORDS)
      : [{ pointer: `/${issue.path.join("/")}`, detail: issue.message }],
  )
  const outOfRange = errors.every(({ pointer }) => pointer === "/value")
  return new GatewayError(outOfRange ? "reward_out_of_range" : "validation_failed", { errors })
}

function notRewards(): GatewayError {
  return new GatewayError("not_an_object", { detail: "The body must be a reward, or a list of 1 to 1,000 of them." })
}

function tooMany(): GatewayError {
  return new GatewayError("payload_too_large", { detail: `A batch has at most ${MAX_REWARDS} rewards.` })
}
