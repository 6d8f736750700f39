import type { StaticAnswer } from "../domain/backends/backend.ts"
import type { Experiment } from "../domain/experiment.ts"
import type { ModelAnswer, ModelEndpoint, WireProtocol } from "../ports/model-endpoint.ts"

/** What the log and answers say served a decision when its experiment's static answer did; no variant can be called that. */
export const STATIC_ANSWER = "_static"

/** A body that is written in the document: callers of any protocol may be given it. */
const ALL_PROTOCOLS: readonly WireProtocol[] = [
  "tensorflow-v1",
  "open-inference-v2",
  "seldon-v1",
  "sagemaker",
  "sagemaker-async",
]

/** Endpoints of the variants, and behind them the one that gives the static answer, where the document has one. */
export function withStaticAnswer(
  { staticAnswer }: Experiment,
  endpoints: readonly ModelEndpoint[],
): readonly ModelEndpoint[] {
  return staticAnswer === undefined ? endpoints : [...endpoints, createStaticEndpoint(staticAnswer)]
}

function createStaticEndpoint({ prediction, body, contentType }: StaticAnswer): ModelEndpoint {
  const bytes = new TextEncoder().encode(body ?? "")
  return {
    model: STATIC_ANSWER,
    remote: false,
    knownFeatures: new Set(),
    takes: { features: prediction !== undefined, bodies: body === undefined ? [] : ALL_PROTOCOLS },
    predict: ({ instances }): ModelAnswer =>
      instances.length > 0 && prediction !== undefined
        ? { kind: "scores", scores: instances.map(() => prediction) }
        : { kind: "body", body: { bytes, contentType, headers: {} } },
  }
}
