import type { MessagePort } from "node:worker_threads"
import type { ErrorCode } from "../../domain/errors.ts"
import type { RewardEvent } from "../../domain/events.ts"
import type { LogId, LogPosition } from "../../domain/log-position.ts"
import type { CounterRow, Statistics, StatisticsQuery } from "../../domain/statistics.ts"
import type { CounterContents, PackedContents } from "../../ports/counter-archive.ts"
import type { CreditKey, FoldAnswer, Resolution } from "../../ports/counter-store.ts"
import type { ExperimentStore, StoredRevision } from "../../ports/experiment-store.ts"
import type { PackedBatch } from "./packed-batch.ts"
import type { StoredGroupStatistics } from "./stored-groups.ts"

/** What the database can be asked for: name of the operation, its argument and its result. */
export interface Operations {
  fold: { argument: PackedBatch; result: FoldAnswer }
  seen: { argument: readonly CreditKey[]; result: readonly boolean[] }
  statistics: { argument: { readonly experiment: string; readonly query: StatisticsQuery }; result: Statistics }
  groups: { argument: string; result: StoredGroupStatistics }
  calls: { argument: string; result: readonly CounterRow[] }
  keep: { argument: { readonly experiment: string; readonly resolution: Resolution }; result: undefined }
  alive: { argument: { readonly log: LogId; readonly foldedTo: number }; result: { readonly lapsed: boolean } }
  positions: { argument: LogId; result: ReadonlyMap<string, LogPosition> }
  contents: { argument: undefined; result: CounterContents }
  pack: { argument: undefined; result: PackedContents }
  restore: { argument: CounterContents; result: undefined }
  remember: { argument: readonly RewardEvent[]; result: undefined }
  reset: { argument: undefined; result: undefined }
  latestRevisions: { argument: undefined; result: readonly StoredRevision[] }
  newestRevisions: { argument: undefined; result: Awaited<ReturnType<ExperimentStore["newest"]>> }
  history: { argument: string; result: readonly StoredRevision[] }
  appendRevision: { argument: { readonly revision: StoredRevision; readonly after: number }; result: undefined }
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
  /** Two numbers: the time in epoch milliseconds and a monotonic time in milliseconds. Undefined: the machine's own clocks. */
  readonly clock: SharedArrayBuffer | undefined
}

export interface Request<Name extends OperationName = OperationName> {
  readonly id: number
  readonly operation: Name
  readonly argument: Operations[Name]["argument"]
}

/** What the owner of the thread sends beside requests: a port at which another thread asks in the same way. */
export interface Connection {
  readonly connect: MessagePort
}

/** `id` 0: not an answer, but the failure of the worker's own upkeep. */
export type Reply =
  | { readonly id: number; readonly ok: true; readonly result: unknown }
  | { readonly id: number; readonly ok: false; readonly code: ErrorCode; readonly detail: string }
