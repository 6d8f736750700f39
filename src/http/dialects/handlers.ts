import type { DIALECT_OPERATIONS } from "../contract/dialects/operations.ts"
import type { OperationHandler } from "../operation-handler.ts"
import type { ExperimentRouteDeps } from "../routes/experiments.ts"
import type { ReadParts } from "../routes/health.ts"
import type { PredictRouteDeps } from "../routes/predict.ts"
import { sampleConversionRoute, sampleInvocationRoute, sampleStatsRoute } from "./aws-sample.ts"
import type { CreditDeps } from "./credit.ts"
import {
  inferRoute,
  modelMetadataRoute,
  modelReadyRoute,
  serverLiveRoute,
  serverMetadataRoute,
  serverReadyRoute,
} from "./open-inference-v2.ts"
import { invokeEndpointAsyncRoute, invokeEndpointRoute, invokeStreamingRoute } from "./sagemaker.ts"
import { seldonFeedbackRoute, seldonPredictRoute } from "./seldon-v1.ts"
import { seldonHealthRoute, seldonMetadataRoute, seldonModelMetadataRoute } from "./seldon-v1-deployment.ts"
import { listModelsRoute, modelStatusRoute, predictV1Route } from "./tensorflow-v1.ts"

type DialectOperationId = (typeof DIALECT_OPERATIONS)[number]["id"]

export interface DialectDeps extends PredictRouteDeps, ExperimentRouteDeps, CreditDeps {
  readonly readParts: ReadParts
}

/** What answers each operation of the dialects. */
export function createDialectHandlers(deps: DialectDeps): Readonly<Record<DialectOperationId, OperationHandler>> {
  const infer = inferRoute(deps)
  const modelMetadata = modelMetadataRoute(deps)
  const modelReady = modelReadyRoute(deps)
  const seldonPredict = seldonPredictRoute(deps)
  const seldonFeedback = seldonFeedbackRoute(deps)
  const seldonHealth = seldonHealthRoute(deps)
  const seldonMetadata = seldonMetadataRoute(deps)
  const seldonModelMetadata = seldonModelMetadataRoute(deps)
  const sampleInvocation = sampleInvocationRoute(deps)
  const sampleConversion = sampleConversionRoute(deps)
  const sampleStats = sampleStatsRoute(deps)
  return {
    invokeEndpoint: invokeEndpointRoute(deps),
    invokeEndpointAsync: invokeEndpointAsyncRoute(deps),
    invokeEndpointStreaming: invokeStreamingRoute,
    predictV1: predictV1Route(deps),
    listModelsV1: listModelsRoute(deps),
    modelStatusV1: modelStatusRoute(deps),
    serverMetadata: serverMetadataRoute,
    serverLive: serverLiveRoute,
    serverReady: serverReadyRoute(deps.readParts),
    listModelsV2: listModelsRoute(deps),
    modelMetadata,
    versionMetadata: modelMetadata,
    modelReady,
    versionReady: modelReady,
    infer,
    inferVersion: infer,
    seldonPredict,
    seldonPredictFor: seldonPredict,
    seldonPredictIn: seldonPredict,
    seldonFeedback,
    seldonFeedbackFor: seldonFeedback,
    seldonFeedbackIn: seldonFeedback,
    seldonHealth,
    seldonHealthFor: seldonHealth,
    seldonHealthIn: seldonHealth,
    seldonMetadata,
    seldonMetadataFor: seldonMetadata,
    seldonMetadataIn: seldonMetadata,
    seldonModelMetadata,
    seldonModelMetadataFor: seldonModelMetadata,
    seldonModelMetadataIn: seldonModelMetadata,
    sampleInvocation,
    sampleInvocationPut: sampleInvocation,
    sampleConversion,
    sampleConversionPut: sampleConversion,
    sampleStats,
    sampleStatsPut: sampleStats,
  }
}
