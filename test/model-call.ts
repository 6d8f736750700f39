import type { DecisionId, ExperimentId, VariantId } from "#src/domain/ids.ts"
import type { ModelCall } from "#src/ports/model-endpoint.ts"

/** A call as the use case makes it, for tests that care about a part of it. */
export function modelCall(parts: Partial<ModelCall>): ModelCall {
  return {
    instances: [],
    payload: undefined,
    decisionId: "01JD5XKQ3V8E0N6T2B4C9GHMRW" as DecisionId,
    experiment: "e" as ExperimentId,
    variant: "a" as VariantId,
    traceHeaders: () => ({}),
    timeoutMs: 1_000,
    ...parts,
  }
}
