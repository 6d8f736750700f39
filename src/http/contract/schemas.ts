import type * as z from "zod"
import { experimentSchema } from "../../domain/experiment.ts"
import * as answers from "./answers.ts"
import * as sample from "./dialects/aws-sample-body.ts"
import * as inference from "./dialects/inference-body.ts"
import * as seldon from "./dialects/seldon-body.ts"
import { tensorFlowAnswerSchema, tensorFlowRequestSchema } from "./dialects/tensorflow-body.ts"
import * as edits from "./edit-answers.ts"
import { featuresSchema } from "./features.ts"
import { keyWishSchema } from "./key-body.ts"
import { featureBodySchema, featureRequestSchema, predictBodySchema } from "./predict-body.ts"
import { rewardItemSchema } from "./reward-body.ts"

/** The schemas that have a name in the contract, in the order of the page. */
export const NAMED_SCHEMAS = {
  PredictRequest: predictBodySchema,
  Features: featuresSchema,
  PredictAnswer: answers.predictAnswerSchema,
  RewardItem: rewardItemSchema,
  RewardReceipt: answers.rewardReceiptSchema,
  RewardBatchAnswer: answers.rewardBatchAnswerSchema,
  FeatureRequest: featureRequestSchema,
  FeatureBody: featureBodySchema,
  PlainPrediction: answers.plainPredictionSchema,
  AsyncInvocation: sample.asyncInvocationSchema,
  SageMakerError: sample.sageMakerErrorSchema,
  TensorFlowRequest: tensorFlowRequestSchema,
  TensorFlowAnswer: tensorFlowAnswerSchema,
  ModelList: inference.modelListSchema,
  ModelStatus: inference.modelStatusSchema,
  InferenceServer: inference.inferenceServerSchema,
  ServerLive: inference.serverLiveSchema,
  ServerReady: inference.serverReadySchema,
  ModelMetadata: inference.modelMetadataSchema,
  ModelReady: inference.modelReadySchema,
  InferRequest: inference.inferRequestSchema,
  InferAnswer: inference.inferAnswerSchema,
  InferenceError: inference.inferenceErrorSchema,
  SeldonRequest: seldon.seldonRequestSchema,
  SeldonAnswer: seldon.seldonAnswerSchema,
  SeldonFeedback: seldon.seldonFeedbackSchema,
  SeldonFeedbackAnswer: seldon.seldonFeedbackAnswerSchema,
  SeldonHealth: seldon.seldonHealthSchema,
  SeldonMetadata: seldon.seldonMetadataSchema,
  SeldonModelMetadata: seldon.seldonModelMetadataSchema,
  SeldonError: seldon.seldonErrorSchema,
  SampleInvocation: sample.sampleInvocationSchema,
  SampleInvocationAnswer: sample.sampleInvocationAnswerSchema,
  SampleConversion: sample.sampleConversionSchema,
  SampleConversionAnswer: sample.sampleConversionAnswerSchema,
  SampleStats: sample.sampleStatsSchema,
  SampleStatsAnswer: sample.sampleStatsAnswerSchema,
  AwsSampleError: sample.awsSampleErrorSchema,
  Experiment: experimentSchema,
  ExperimentPatch: edits.experimentPatchSchema,
  ExperimentEdit: edits.experimentEditSchema,
  ExperimentHistory: edits.experimentHistorySchema,
  ExperimentDiff: edits.experimentDiffSchema,
  AuditPage: edits.auditPageSchema,
  ExperimentList: answers.experimentListSchema,
  Statistics: answers.statisticsSchema,
  Allocation: answers.allocationSchema,
  Explanation: answers.explanationSchema,
  KeyWish: keyWishSchema,
  MadeKey: answers.madeKeySchema,
  KeyList: answers.keyListSchema,
  Problem: answers.problemSchema,
  Liveness: answers.livenessSchema,
  RootLiveness: answers.rootLivenessSchema,
  Healthcheck: answers.healthcheckSchema,
  Readiness: answers.readinessSchema,
} as const satisfies Record<string, z.ZodType>

/** `PublishedExperiment` is `Experiment` with its revision. */
export type SchemaName = keyof typeof NAMED_SCHEMAS | "PublishedExperiment"
