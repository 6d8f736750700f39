import type { CounterCell } from "../../domain/counter-table.ts"
import type { ErrorCode } from "../../domain/errors.ts"
import type { LogPosition } from "../../domain/log-position.ts"
import type { StatisticsQuery, VariantStatistics } from "../../domain/statistics.ts"
import type { CreditKey, RewardAnswer } from "../../ports/counter-store.ts"
import type { StoredRevision } from "../../ports/experiment-store.ts"
import type { FoldBatch } from "../../ports/outcome-log.ts"

/** What the database can be asked for: name of the operation, its argument and its result. */
export interface Operations {
  fold: { argument: FoldBatch; result: readonly RewardAnswer[] }
  seen: { argument: readonly CreditKey[]; result: readonly boolean[] }
  statistics: {
    argument: { readonly experiment: string; readonly query: StatisticsQuery }
    result: { readonly stateVersion: number; readonly variants: readonly VariantStatistics[] }
  }
  position: { argument: undefined; result: LogPosition | undefined }
  contents: {
    argument: undefined
    result: { readonly position: LogPosition | undefined; readonly cells: readonly CounterCell[] }
  }
  reset: { argument: undefined; result: undefined }
  latestRevisions: { argument: undefined; result: readonly StoredRevision[] }
  appendRevision: { argument: StoredRevision; result: undefined }
  close: { argument: undefined; result: undefined }
}

export type OperationName = keyof Operations

/** One function per operation, on the worker's side. */
export type Handlers = {
  readonly [Name in OperationName]: (argument: Operations[Name]["argument"]) => Operations[Name]["result"]
}

export interface WorkerSettings {
  readonly path: string
  readonly readOnly: boolean
  /** Credits are forgotten this long after their decision, which must be longer than a token lives. */
  readonly creditSeconds: number
}

export interface Request<Name extends OperationName = OperationName> {
  readonly id: number
  readonly operation: Name
  readonly argument: Operations[Name]["argument"]
}

/** `id` 0: not an answer, but the failure of the worker's own upkeep. */
export type Reply =
  | { readonly id: number; readonly ok: true; readonly result: unknown }
  | { readonly id: number; readonly ok: false; readonly code: ErrorCode; readonly detail: string }
