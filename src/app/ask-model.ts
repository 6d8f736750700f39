import { GatewayError } from "../domain/errors.ts"
import type { AskedVariant } from "../domain/events.ts"
import type { VariantId } from "../domain/ids.ts"
import type { Clock } from "../ports/clock.ts"
import type { ModelAnswer, ModelCall, ModelEndpoint } from "../ports/model-endpoint.ts"
import { STATIC_ANSWER } from "./static-answer.ts"
import { TIMED_OUT, within } from "./within.ts"

/** What to ask, whom, and whom instead. */
export interface Question {
  /** What the chosen variant is asked, with all the time that there is; whoever stands in is asked the same, as itself. */
  readonly call: ModelCall
  /** In the document's order, like `endpoints`. */
  readonly variants: readonly { readonly id: VariantId }[]
  /** One more than there are variants where the document has a static answer: the last answers with it. */
  readonly endpoints: readonly ModelEndpoint[]
  /** Indexes of endpoints in the order in which they are asked until one answers: the chosen one first. */
  readonly ladder: readonly number[]
  /** Whether the caller can do something with a body that the gateway doesn't read, or with a location. */
  readonly takesOpaque: boolean
  /** Monotonic milliseconds at which the whole request must be answered. */
  readonly deadlineAtMs: number
}

/** Why the chosen variant did not answer, in the gateway's own words. */
export type AnswerError =
  | "deadline_exceeded"
  | "backend_failed"
  | "backend_unavailable"
  | "wrong_shape"
  | "features_invalid"
  | "not_taken"

/** Somebody answered: the chosen variant (`error` is null), or one that stood in for it (`error` says why). */
export interface Answered {
  readonly answered: true
  readonly result: ModelAnswer
  readonly endpoint: ModelEndpoint
  /** Of `endpoints`: the number of variants where the static answer was given. */
  readonly servedIndex: number
  readonly error: AnswerError | null
  /** Who was asked, in order: the last answered. */
  readonly asked: readonly AskedVariant[]
}

/** Nobody answered. `error` is why the chosen variant did not, `failure` what to tell the caller. */
export interface Unanswered {
  readonly answered: false
  readonly error: AnswerError
  readonly failure: GatewayError
  /** Who was asked, in order. */
  readonly asked: readonly AskedVariant[]
}

export type Answer = Answered | Unanswered

/** Of the time left, what a rung gets while others are below it; the last gets all of it. */
const RUNG_SHARE = 0.8

/**
 * Asks down the ladder until a variant answers. A local chosen variant is answered without a promise or a timer. Features that can't be scored
 * are the caller's mistake: no other model is asked about them.
 *
 * Never throws.
 */
export function askModel(question: Question, clock: Clock): Answer | Promise<Answer> {
  const index = question.ladder[0] as number
  const endpoint = question.endpoints[index] as ModelEndpoint
  const asked: AskedVariant[] = []
  if (endpoint.remote || !canTake(endpoint, question)) return askDown(question, clock, asked, undefined)
  const startedMs = clock.monotonicMs()
  try {
    const result = fitting(question, endpoint.predict(callOf(question, index)) as ModelAnswer)
    asked.push({ variant: variantOf(question, index), ms: since(startedMs, clock) })
    return { answered: true, result, endpoint, servedIndex: index, error: null, asked }
  } catch (error) {
    asked.push(failedRung(question, index, error, since(startedMs, clock)))
    return askDown(question, clock, asked, error)
  }
}

/**
 * @param asked who was asked already; whoever is asked from here on comes behind
 * @param firstError why the chosen variant did not answer, undefined where it has yet to be asked
 */
async function askDown(question: Question, clock: Clock, asked: AskedVariant[], firstError: unknown): Promise<Answer> {
  const { endpoints, ladder, deadlineAtMs } = question
  let first = firstError
  let last = firstError
  for (let rung = asked.length; rung < ladder.length && !isCallersMistake(last); rung++) {
    const share = rung === ladder.length - 1 ? 1 : RUNG_SHARE
    const startedMs = clock.monotonicMs()
    const index = ladder[rung] as number
    const endpoint = endpoints[index] as ModelEndpoint
    try {
      const answer = await inTime(question, index, share * (deadlineAtMs - startedMs))
      if (answer === TIMED_OUT) {
        throw new GatewayError("deadline_exceeded", { detail: "No model answered within the deadline." })
      }
      const result = fitting(question, answer)
      asked.push({ ...rungOf(question, index, result.status), ms: since(startedMs, clock) })
      const error = first === undefined ? null : reasonOf(first)
      return { answered: true, result, endpoint, servedIndex: index, error, asked }
    } catch (error) {
      asked.push(failedRung(question, index, error, since(startedMs, clock)))
      first ??= error
      last = error
    }
  }
  return { answered: false, error: reasonOf(first), failure: asGatewayError(last), asked }
}

/** Milliseconds to three digits, as they are logged: what is counted now equals what is read from the log later. */
function since(startedMs: number, clock: Clock): number {
  return Math.round((clock.monotonicMs() - startedMs) * 1000) / 1000
}

function failedRung(question: Question, index: number, error: unknown, ms: number): AskedVariant {
  const status = error instanceof GatewayError ? error.backendStatus : undefined
  return { ...rungOf(question, index, status), error: reasonOf(error), ms }
}

/** @param status what the target answered with, where it did */
function rungOf(question: Question, index: number, status: number | undefined): Omit<AskedVariant, "error" | "ms"> {
  const { target } = question.endpoints[index] as ModelEndpoint
  const asked = { ...(target === undefined ? {} : { target }), ...(status === undefined ? {} : { status }) }
  return { variant: variantOf(question, index), ...asked }
}

function variantOf({ variants }: Question, index: number): string {
  return variants[index]?.id ?? STATIC_ANSWER
}

/** Whether an endpoint can be asked: with what the gateway read, or with the caller's own body. */
function canTake({ takes }: ModelEndpoint, { call: { instances, payload } }: Question): boolean {
  return (takes.features && instances.length > 0) || (payload !== undefined && takes.bodies.includes(payload.protocol))
}

/** @param timeoutMs all the time that there is when left out: a local model answers before anything else happens */
function callOf({ call, variants }: Question, index: number, timeoutMs = call.timeoutMs): ModelCall {
  const variant = variants[index]?.id ?? call.variant
  return variant === call.variant && timeoutMs === call.timeoutMs ? call : { ...call, variant, timeoutMs }
}

/** An answer that fits the question. @throws GatewayError `wrong_shape` for one that doesn't */
function fitting(question: Question, result: ModelAnswer): ModelAnswer {
  const fits = result.kind === "scores" ? fitsScores(question, result.scores) : question.takesOpaque
  const detail = "The model's answer doesn't fit the request."
  if (!fits) throw new GatewayError("wrong_shape", { detail, backendStatus: result.status })
  return result
}

/** How many instances there are in a body that the gateway did not read, only the caller and the backend know. */
function fitsScores({ call: { instances } }: Question, scores: readonly number[]): boolean {
  const expected = instances.length > 0 ? instances.length : Math.max(1, scores.length)
  return scores.length === expected && scores.every(Number.isFinite)
}

/** @returns `TIMED_OUT` where no time is left, also to an endpoint that doesn't give up by itself: it can't hold the answer up */
function inTime(
  question: Question,
  index: number,
  budgetMs: number,
): ModelAnswer | Promise<ModelAnswer | typeof TIMED_OUT> | typeof TIMED_OUT {
  const endpoint = question.endpoints[index] as ModelEndpoint
  if (!canTake(endpoint, question)) throw new GatewayError("not_taken")
  if (!endpoint.remote) return endpoint.predict(callOf(question, index))
  const timeoutMs = Math.min(budgetMs, endpoint.timeoutMs ?? Number.POSITIVE_INFINITY)
  if (timeoutMs <= 0) return TIMED_OUT
  const asked = endpoint.predict(callOf(question, index, timeoutMs))
  return asked instanceof Promise ? within(asked, timeoutMs) : asked
}

function isCallersMistake(error: unknown): boolean {
  return error instanceof GatewayError && error.code === "features_invalid"
}

const REASONS: ReadonlySet<string> = new Set<AnswerError>([
  "deadline_exceeded",
  "backend_unavailable",
  "wrong_shape",
  "features_invalid",
  "not_taken",
])

function reasonOf(error: unknown): AnswerError {
  return error instanceof GatewayError && REASONS.has(error.code) ? (error.code as AnswerError) : "backend_failed"
}

function asGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  return new GatewayError("backend_failed", { cause: error })
}
