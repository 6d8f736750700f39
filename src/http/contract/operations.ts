import { DIALECT_OPERATIONS } from "./dialects/operations.ts"
import { EDIT_OPERATIONS } from "./edit-operations.ts"
import { EXPERIMENT_OPERATIONS } from "./experiment-operations.ts"
import { GATEWAY_OPERATIONS } from "./gateway-operations.ts"
import { HISTORY_OPERATIONS } from "./history-operations.ts"
import { KEY_OPERATIONS } from "./key-operations.ts"
import type { Operation } from "./operation.ts"
import { PREDICT_OPERATIONS } from "./predict-operations.ts"
import { REWARD_OPERATIONS } from "./reward-operations.ts"

/** Every operation, in the order of the page: the one list from which handlers are mounted and the contract is written. */
const ALL = [
  ...PREDICT_OPERATIONS,
  ...REWARD_OPERATIONS,
  ...DIALECT_OPERATIONS,
  ...EXPERIMENT_OPERATIONS,
  ...EDIT_OPERATIONS,
  ...HISTORY_OPERATIONS,
  ...KEY_OPERATIONS,
  ...GATEWAY_OPERATIONS,
] as const satisfies readonly Operation[]

export type OperationId = (typeof ALL)[number]["id"]

export const OPERATIONS: readonly (Operation & { readonly id: OperationId })[] = ALL
