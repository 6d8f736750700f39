import type { RewardCommand, RewardReceipt } from "../../app/reward.ts"
import { GatewayError } from "../../domain/errors.ts"
import { type Answer, emptyAnswer, jsonAnswer, queryOf } from "../call.ts"
import { type RewardBody, readRewardJson, readRewardLines } from "../contract/reward-body.ts"
import { readRewardQuery } from "../contract/reward-query.ts"
import type { Metrics } from "../metrics.ts"
import type { OperationHandler } from "../operation-handler.ts"
import { problemAnswer, toProblem } from "../problem.ts"
import { decodeUtf8, parseJsonBytes } from "../strict-json.ts"

export interface RewardRouteDeps {
  readonly reward: (commands: readonly RewardCommand[]) => Promise<(RewardReceipt | GatewayError)[]>
  readonly metrics: Metrics
}

/** The smallest transparent GIF there is: 42 bytes. */
const PIXEL = Uint8Array.from(atob("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"), (character) =>
  character.charCodeAt(0),
)

/** `POST /reward`: one reward, a list of up to 1,000, or NDJSON. */
export function postRewardRoute(deps: RewardRouteDeps): OperationHandler {
  return async (call, readBody) => {
    const { bytes, mediaType } = await readBody(call)
    const body =
      mediaType === "application/x-ndjson" ? readRewardLines(decodeUtf8(bytes)) : readRewardJson(parseJsonBytes(bytes))
    const outcomes = await credit(body, deps)
    const first = outcomes[0] as RewardReceipt | GatewayError
    if (!body.batch) return first instanceof GatewayError ? problemAnswer(first) : receiptAnswer(first)
    const refused = outcomes.every((outcome) => outcome instanceof GatewayError && outcome.code === "log_unavailable")
    if (refused) return problemAnswer(first as GatewayError)
    const results = outcomes.map((outcome) =>
      outcome instanceof GatewayError ? toProblem(outcome) : toReceipt(outcome),
    )
    return jsonAnswer({ results }, batchStatus(outcomes))
  }
}

/** `GET /reward`: an ad server's postback. */
export function getRewardRoute(deps: RewardRouteDeps): OperationHandler {
  return async (call) => {
    if (isPrefetch(call.header("sec-purpose") ?? call.header("purpose"))) return emptyAnswer(204)
    const outcome = await creditQuery(queryOf(call), deps)
    return outcome instanceof GatewayError ? problemAnswer(outcome) : receiptAnswer(outcome)
  }
}

/** `GET /reward.gif`: the same as a pixel. What can't be credited is a problem document, which a page shows as nothing. */
export function getRewardPixelRoute(deps: RewardRouteDeps): OperationHandler {
  return async (call) => {
    if (isPrefetch(call.header("sec-purpose") ?? call.header("purpose"))) return emptyAnswer(204)
    const outcome = await creditQuery(queryOf(call), deps)
    if (outcome instanceof GatewayError) return problemAnswer(outcome)
    return { status: 200, headers: { "cache-control": "no-store", "content-type": "image/gif" }, body: PIXEL }
  }
}

async function credit(body: RewardBody, deps: RewardRouteDeps): Promise<(RewardReceipt | GatewayError)[]> {
  const commands = body.items.flatMap((item) => (item instanceof GatewayError ? [] : [item]))
  const credited = await deps.reward(commands)
  let next = 0
  const outcomes = body.items.map((item) =>
    item instanceof GatewayError ? item : (credited[next++] as RewardReceipt | GatewayError),
  )
  for (const outcome of outcomes) deps.metrics.rewarded(outcome)
  return outcomes
}

async function creditQuery(query: string, deps: RewardRouteDeps): Promise<RewardReceipt | GatewayError> {
  let command: RewardCommand
  try {
    command = readRewardQuery(query)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    deps.metrics.rewarded(error)
    return error
  }
  const [outcome] = await credit({ items: [command], batch: false }, deps)
  return outcome as RewardReceipt | GatewayError
}

/** A browser that guesses where its user goes next has not seen a click. */
function isPrefetch(purpose: string | undefined): boolean {
  return purpose !== undefined && purpose.toLowerCase().includes("prefetch")
}

function toReceipt(receipt: RewardReceipt) {
  const { experiment, variant, decisionId } = receipt.token
  return { status: receipt.status, experiment, variant, decisionId, metric: receipt.metric, value: receipt.value }
}

function receiptAnswer(receipt: RewardReceipt): Answer {
  return jsonAnswer(toReceipt(receipt), receipt.status === "accepted" ? 202 : 200)
}

/** 200: every item is counted. 202: every item is durable and counted later. 207: the items differ or some were refused, so look at each. */
function batchStatus(outcomes: readonly (RewardReceipt | GatewayError)[]): number {
  const taken = outcomes.flatMap((outcome) => (outcome instanceof GatewayError ? [] : [outcome]))
  if (taken.length < outcomes.length) return 207
  const accepted = taken.filter(({ status }) => status === "accepted").length
  if (accepted === 0) return 200
  return accepted === taken.length ? 202 : 207
}
