import { GatewayError } from "../domain/errors.ts"
import type { Clock } from "../ports/clock.ts"
import type { Features, ModelEndpoint } from "../ports/model-endpoint.ts"
import { TIMED_OUT, within } from "./within.ts"

/** What to score, by whom, and by whom instead. */
export interface Question {
  readonly instances: readonly Features[]
  readonly endpoints: readonly ModelEndpoint[]
  readonly chosen: number
  readonly fallback: number
  /** Monotonic milliseconds at which the whole request must be answered. */
  readonly deadlineAtMs: number
}

/** `servedIndex` differs from the chosen one when the fallback answered; `error` then says why, in the gateway's own words. */
export interface Answer {
  readonly predictions: readonly number[]
  readonly endpoint: ModelEndpoint
  readonly servedIndex: number
  readonly error: FallbackReason | null
}

/** Why the chosen variant did not answer. */
export type FallbackReason = "deadline_exceeded" | "backend_failed" | "wrong_shape"

/** Of the time left, what a backend gets; the rest is the fallback's. */
const BACKEND_SHARE = 0.8

/**
 * Asks the chosen variant, then the fallback. A local chosen variant is answered without a promise or a timer.
 *
 * @throws GatewayError `features_invalid` (the caller's mistake: no other model is tried) or `backend_failed` when the fallback failed too
 */
export function askModel(question: Question, clock: Clock): Answer | Promise<Answer> {
  const { instances, endpoints, chosen } = question
  const endpoint = endpoints[chosen] as ModelEndpoint
  if (endpoint.remote) return askRemote(question, clock)
  try {
    return answered(endpoint, chosen, endpoint.predict(instances, undefined) as readonly number[], instances.length)
  } catch (error) {
    return askFallback(question, clock, error)
  }
}

async function askRemote(question: Question, clock: Clock): Promise<Answer> {
  const { instances, endpoints, chosen, deadlineAtMs } = question
  const endpoint = endpoints[chosen] as ModelEndpoint
  try {
    const budgetMs = BACKEND_SHARE * (deadlineAtMs - clock.monotonicMs())
    return answered(endpoint, chosen, await inTime(endpoint, instances, budgetMs), instances.length)
  } catch (error) {
    return askFallback(question, clock, error)
  }
}

async function askFallback(question: Question, clock: Clock, error: unknown): Promise<Answer> {
  if (error instanceof GatewayError && error.code === "features_invalid") throw error
  const { instances, endpoints, chosen, fallback, deadlineAtMs } = question
  if (fallback === chosen) throw asGatewayError(error)
  const endpoint = endpoints[fallback] as ModelEndpoint
  try {
    const predictions = endpoint.remote
      ? await inTime(endpoint, instances, deadlineAtMs - clock.monotonicMs())
      : await endpoint.predict(instances, undefined)
    return { ...answered(endpoint, fallback, predictions, instances.length), error: reasonOf(error) }
  } catch (fallbackError) {
    throw asGatewayError(fallbackError)
  }
}

function answered(
  endpoint: ModelEndpoint,
  servedIndex: number,
  predictions: readonly number[],
  expected: number,
): Answer {
  if (predictions.length !== expected || !predictions.every(Number.isFinite)) throw new WrongShape()
  return { predictions, endpoint, servedIndex, error: null }
}

class WrongShape extends Error {}

/** Bounds the call: an endpoint that ignores its signal still can't hold the answer up. */
async function inTime(
  endpoint: ModelEndpoint,
  instances: readonly Features[],
  budgetMs: number,
): Promise<readonly number[]> {
  const deadline = new GatewayError("deadline_exceeded", { detail: "No model answered within the deadline." })
  if (budgetMs <= 0) throw deadline
  const controller = new AbortController()
  const predictions = await within(Promise.resolve(endpoint.predict(instances, controller.signal)), budgetMs)
  if (predictions !== TIMED_OUT) return predictions
  controller.abort(deadline)
  throw deadline
}

function reasonOf(error: unknown): FallbackReason {
  if (error instanceof WrongShape) return "wrong_shape"
  return error instanceof GatewayError && error.code === "deadline_exceeded" ? "deadline_exceeded" : "backend_failed"
}

function asGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  return new GatewayError("backend_failed", { cause: error })
}
