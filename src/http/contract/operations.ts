import { EXPERIMENT_OPERATIONS } from "./experiment-operations.ts"
import { GATEWAY_OPERATIONS } from "./gateway-operations.ts"
import type { Operation } from "./operation.ts"
import { PREDICT_OPERATIONS } from "./predict-operations.ts"
import { REWARD_OPERATIONS } from "./reward-operations.ts"

/** Every operation, in the order of the page. */
export const OPERATIONS: readonly Operation[] = [
  ...PREDICT_OPERATIONS,
  ...REWARD_OPERATIONS,
  ...EXPERIMENT_OPERATIONS,
  ...GATEWAY_OPERATIONS,
]
