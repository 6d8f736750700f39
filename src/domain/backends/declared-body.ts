import { GatewayError } from "../errors.ts"
import type { RequestForm, ResponseForm } from "./backend.ts"
import { csvOf, fillTemplate, type Instance, inputWriter, instancePointers, isPerInstance } from "./model-input.ts"
import { csvPredictions, predictionsOf, valueAt, wrongShape } from "./model-output.ts"

/** A body that a document declares, and how its answer is read. */
export interface DeclaredBody {
  readonly contentType: "application/json" | "text/csv"
  readonly perInstance: boolean
  /** @throws GatewayError `features_invalid` */
  write(instances: readonly Instance[]): string
  /** @throws GatewayError `wrong_shape` */
  read(text: string, instances: number): number[]
}

/**
 * JSON around the instances, or a line of CSV for each; the answer in JSON, or in CSV where nothing says where in a JSON document the predictions are.
 *
 * @param body the template of a document that has none
 * @param pointer where the predictions are in the answer to a document that doesn't say
 */
export function declaredBody(
  request: RequestForm,
  response: ResponseForm,
  defaults: { readonly body: unknown; readonly pointer?: string },
): DeclaredBody {
  const { form, features = [], body = defaults.body } = request
  const pointer = response.pointer ?? defaults.pointer
  const written = inputWriter(request)
  const csv = form === "csv"
  return {
    contentType: csv ? "text/csv" : "application/json",
    perInstance: !csv && isPerInstance(body),
    write: (instances) => (csv ? csvOf(instances, features) : JSON.stringify(fillTemplate(body, written(instances)))),
    read: (text, instances) => {
      if (pointer === undefined || !/^\s*[[{]/.test(text)) return csvPredictions(text, response, instances)
      const document = parsed(text)
      const at = response.pointer === undefined && Array.isArray(document) ? "" : pointer
      return predictionsOf(valueAt(document, at), response, instances)
    },
  }
}

/** The predictions of several instances, and the status that their server answered with; of several answers the first one's. */
export interface ReadScores {
  readonly scores: readonly number[]
  readonly status: number
}

/**
 * The predictions of several instances, asked for together, or each by itself where the server takes one at a time.
 *
 * @throws GatewayError what writing, sending and reading throw; a feature is pointed at within the caller's instances
 */
export async function scoreTogetherOrEach<Answer extends { readonly status: number }>(
  instances: readonly Instance[],
  perInstance: boolean,
  ask: {
    readonly send: (instances: readonly Instance[]) => Promise<Answer>
    readonly read: (answer: Answer, instances: number) => number[]
  },
): Promise<ReadScores> {
  if (!perInstance || instances.length === 1) return scoresIn([await ask.send(instances)], instances.length, ask.read)
  const answers = await Promise.all(
    instances.map((instance, index) => instancePointers(index, () => ask.send([instance]))),
  )
  return scoresIn(answers, 1, ask.read)
}

function scoresIn<Answer extends { readonly status: number }>(
  answers: readonly Answer[],
  instances: number,
  read: (answer: Answer, instances: number) => readonly number[],
): ReadScores {
  const status = answers[0]?.status ?? 0
  try {
    return { scores: answers.flatMap((answer) => read(answer, instances)), status }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    const { code, message: detail } = error
    throw new GatewayError(code, { detail, cause: error, backendStatus: status })
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw wrongShape("the model's answer is not JSON")
  }
}
