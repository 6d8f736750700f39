import { readJson } from "../../domain/json-text.ts"
import type { LogSummary, PreparedLog } from "../../ports/evaluation-log.ts"

/** One row of a log, in words that other tools can be told. */
export interface ExportedRow {
  readonly decisionId: string
  /** Epoch milliseconds. */
  readonly at: number
  /** Index of the served variant into the summary's variants. */
  readonly variant: number
  /** By variant; 0 for one that could not have been served. */
  readonly probabilities: ArrayLike<number>
  /** Whether the row's allocation named the variant, by variant. */
  readonly named: readonly boolean[]
  readonly reward: number
  /** As logged: an object, a list of them for a slate, null where nothing was logged. */
  readonly features: unknown
}

/** The rows of a log that was prepared with `whole`, in the order of their decisions. */
export async function* exportedRows({ summary, rows }: PreparedLog): AsyncGenerator<ExportedRow> {
  for await (const batch of rows()) {
    for (let index = 0; index < batch.count; index++) {
      const allocation = summary.allocations[batch.allocation[index] as number] as LogSummary["allocations"][number]
      const features = batch.features[index] ?? null
      yield {
        decisionId: batch.decisionId[index] as string,
        at: batch.at[index] as number,
        variant: batch.variant[index] as number,
        probabilities: allocation.probabilities,
        named: allocation.names,
        reward: batch.reward[index] as number,
        features: features === null ? null : readJson(features),
      }
    }
  }
}
