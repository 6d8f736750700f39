import type { GatewayError } from "../../domain/errors.ts"
import type { Answer, Call } from "../call.ts"
import { type Dialect, dialectStatus } from "../contract/dialects/dialect.ts"
import { type Problem, problemHeaders, toProblem } from "../problem.ts"

/** Body and further headers of a problem in a dialect's own words. */
interface Form {
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

const FORMS: Readonly<Record<Dialect, (problem: Problem, status: number, call: Call) => Form>> = {
  sagemaker: (problem, status, call) => ({
    body: { message: inWords(problem) },
    headers: { "x-amzn-errortype": awsErrorType(problem, status), "x-amzn-requestid": call.context.requestId },
  }),
  "tensorflow-v1": (problem) => ({ body: { error: inWords(problem) } }),
  "open-inference-v2": (problem) => ({ body: { error: inWords(problem) } }),
  "seldon-v1": (problem, status) => ({
    body: { status: { code: -1, info: inWords(problem), reason: seldonReason(status), status: 1 } },
  }),
  "aws-sample": (problem) => ({ body: { message: inWords(problem) } }),
}

/** A problem as the clients of a dialect expect it. */
export function dialectProblemAnswer(
  dialect: Dialect,
  error: GatewayError,
  call: Call,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const problem = toProblem(error)
  const status = dialectStatus(dialect, error.code, problem.status)
  const form = FORMS[dialect](problem, status, call)
  return {
    status,
    headers: { ...problemHeaders(error), "content-type": "application/json", ...form.headers, ...headers },
    body: JSON.stringify(form.body),
  }
}

/** One sentence after the other: these protocols have a single text. */
function inWords({ title, detail, errors = [] }: Problem): string {
  const places = errors.map((error) => (error.pointer === "" ? error.detail : `${error.pointer} ${error.detail}`))
  return [title, ...(detail === undefined ? [] : [detail]), ...places].join(": ")
}

/** What the SDKs of AWS make an exception of. */
function awsErrorType({ code }: Problem, status: number): string {
  if (code === "unauthorized") return "UnrecognizedClientException"
  if (status === 403) return "AccessDeniedException"
  if (status === 429) return "ThrottlingException"
  if (status < 500) return "ValidationError"
  return status === 503 ? "ServiceUnavailable" : "InternalFailure"
}

function seldonReason(status: number): string {
  return status < 500 ? "MICROSERVICE_BAD_DATA" : "MICROSERVICE_INTERNAL_ERROR"
}
