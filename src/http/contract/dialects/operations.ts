import type { Operation } from "../operation.ts"
import { AWS_SAMPLE_OPERATIONS } from "./aws-sample-operations.ts"
import { OPEN_INFERENCE_V2_OPERATIONS } from "./open-inference-v2-operations.ts"
import { SAGEMAKER_OPERATIONS } from "./sagemaker-operations.ts"
import { SELDON_V1_OPERATIONS } from "./seldon-v1-operations.ts"
import { TENSORFLOW_V1_OPERATIONS } from "./tensorflow-v1-operations.ts"

/** Every operation of another protocol, in the order of the page. */
export const DIALECT_OPERATIONS = [
  ...SAGEMAKER_OPERATIONS,
  ...TENSORFLOW_V1_OPERATIONS,
  ...OPEN_INFERENCE_V2_OPERATIONS,
  ...SELDON_V1_OPERATIONS,
  ...AWS_SAMPLE_OPERATIONS,
] as const satisfies readonly Operation[]
