import type * as z from "zod"
import { experimentSchema } from "../../domain/experiment.ts"
import * as answers from "./answers.ts"
import * as edits from "./edit-answers.ts"
import { featuresSchema } from "./features.ts"
import { predictBodySchema } from "./predict-body.ts"
import { rewardItemSchema } from "./reward-body.ts"

/** The schemas that have a name in the contract, in the order of the page. */
export const NAMED_SCHEMAS = {
  PredictRequest: predictBodySchema,
  Features: featuresSchema,
  PredictAnswer: answers.predictAnswerSchema,
  RewardItem: rewardItemSchema,
  RewardReceipt: answers.rewardReceiptSchema,
  RewardBatchAnswer: answers.rewardBatchAnswerSchema,
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
  Problem: answers.problemSchema,
  Liveness: answers.livenessSchema,
  Healthcheck: answers.healthcheckSchema,
  Readiness: answers.readinessSchema,
} as const satisfies Record<string, z.ZodType>

/** `PublishedExperiment` is `Experiment` with its revision. */
export type SchemaName = keyof typeof NAMED_SCHEMAS | "PublishedExperiment"
