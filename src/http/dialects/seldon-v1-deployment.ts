import type { Served } from "../../app/served-experiments.ts"
import { GatewayError } from "../../domain/errors.ts"
import type { ModelEndpoint } from "../../ports/model-endpoint.ts"
import { jsonAnswer } from "../call.ts"
import { OUTPUT_NAME } from "../contract/dialects/inference-body.ts"
import type { OperationHandler } from "../operation-handler.ts"
import type { PredictRouteDeps } from "../routes/predict.ts"
import { findNamed, requireVariant } from "./ask.ts"
import { canAnswer } from "./readiness.ts"

/** `GET …/api/v1.0/health/status`. */
export function seldonHealthRoute({ experiments }: PredictRouteDeps): OperationHandler {
  return (call, _, caller) => {
    if (!canAnswer(findNamed(experiments, call.param("name"), caller))) throw new GatewayError("backend_unavailable")
    return jsonAnswer({ meta: {}, strData: "healthy" })
  }
}

/** `GET …/api/v1.0/metadata`: a deployment's graph has a model for each variant. */
export function seldonMetadataRoute({ experiments }: PredictRouteDeps): OperationHandler {
  return (call, _, caller) => {
    const served = findNamed(experiments, call.param("name"), caller)
    const described = describeVariants(served)
    const models = Object.values(described)
    const read = [...new Set(models.flatMap(({ inputs }) => inputs.flatMap(({ schema }) => schema.names)))]
    return jsonAnswer({
      name: served.snapshot.experiment.id,
      models: described,
      graphinputs: rowsOf(read),
      graphoutputs: models.find(({ outputs }) => outputs.length > 0)?.outputs ?? [],
    })
  }
}

/** `GET …/api/v1.0/metadata/{model}`. */
export function seldonModelMetadataRoute({ experiments }: PredictRouteDeps): OperationHandler {
  return (call, _, caller) => {
    const served = findNamed(experiments, call.param("name"), caller)
    const variant = call.param("model") ?? ""
    requireVariant(served, variant)
    return jsonAnswer(describeVariants(served)[variant])
  }
}

function describeVariants({ snapshot, endpoints }: Served) {
  const enabled = snapshot.experiment.variants.flatMap(({ id, enabled }, index) =>
    enabled ? [[id, describe(id, endpoints[index] as ModelEndpoint)] as const] : [],
  )
  return Object.fromEntries(enabled)
}

function describe(variant: string, { model, knownFeatures = new Set(), takes }: ModelEndpoint) {
  const outputs = takes.features ? [{ messagetype: "ndarray", schema: { names: [OUTPUT_NAME], shape: [1] } }] : []
  return { name: model, versions: [variant], platform: "bandit-gateway", inputs: rowsOf([...knownFeatures]), outputs }
}

function rowsOf(names: readonly string[]) {
  return names.length === 0 ? [] : [{ messagetype: "ndarray", schema: { names } }]
}
