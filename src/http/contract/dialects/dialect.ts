import type { ErrorCode } from "../../../domain/errors.ts"
import type { SchemaName } from "../schemas.ts"

/** Protocols of other model servers that the gateway answers as well as its own. */
export type Dialect = "sagemaker" | "tensorflow-v1" | "open-inference-v2" | "seldon-v1" | "aws-sample"

/** How a dialect tells of a problem: with which schema, and with which status where it isn't the gateway's own. */
export interface DialectProblems {
  readonly schema: SchemaName
  readonly statuses: Partial<Readonly<Record<ErrorCode, number>>>
}

/** Whatever doesn't fit the contract is a 400 for these protocols' clients. */
const UNFIT = { validation_failed: 400, features_invalid: 400, reward_out_of_range: 400 } as const

export const DIALECT_PROBLEMS = {
  sagemaker: {
    schema: "SageMakerError",
    // An endpoint that isn't there is a ValidationError, and a key that isn't known is refused like one that may not.
    statuses: { ...UNFIT, experiment_not_found: 400, unauthorized: 403 },
  },
  "tensorflow-v1": { schema: "InferenceError", statuses: UNFIT },
  "open-inference-v2": { schema: "InferenceError", statuses: UNFIT },
  "seldon-v1": { schema: "SeldonError", statuses: UNFIT },
  "aws-sample": { schema: "AwsSampleError", statuses: {} },
} as const satisfies Record<Dialect, DialectProblems>

/** The status that a dialect gives a problem. @param own the gateway's */
export function dialectStatus(dialect: Dialect, code: ErrorCode, own: number): number {
  const { statuses }: DialectProblems = DIALECT_PROBLEMS[dialect]
  return statuses[code] ?? own
}
