import type { DuckDBConnection, DuckDBListValue, DuckDBValue } from "@duckdb/node-api"
import type { Arrival, EvaluationQuery, RowBatch } from "../../ports/evaluation-log.ts"

/** Columns that every row has, those that only learning needs, and those of whole rows: in this order. */
const [COMMON, LEARNING, NAMED] = [8, 4, 2]

/** Rows of `orderedRows`, a few thousand at a time. @param wanted as there */
export async function* readRows(
  connection: DuckDBConnection,
  sql: string,
  { arrivals: learning, whole = false }: Pick<EvaluationQuery, "arrivals" | "whole">,
): AsyncGenerator<RowBatch> {
  const result = await connection.stream(sql)
  for (;;) {
    const chunk = await result.fetchChunk()
    if (chunk === null || chunk.rowCount === 0) return
    const columns = (from: number, count: number): DuckDBValue[][] =>
      Array.from({ length: count }, (_, index) => chunk.getColumnValues(from + index))
    const [at = [], variant = [], allocation = [], reward = [], bucket = [], revision = [], segment = [], cell = []] =
      columns(0, COMMON) as number[][]
    const [series = [], coin = [], times = [], amounts = []] = learning ? columns(COMMON, LEARNING) : []
    const arrivals = times.map((list, index) => arrivalsOf(list, amounts[index]))
    const [decisionId = [], features = []] = whole ? columns(COMMON + (learning ? LEARNING : 0), NAMED) : []
    yield {
      count: chunk.rowCount,
      at,
      variant,
      allocation,
      reward,
      bucket,
      revision,
      series: series as number[],
      coin: coin as number[],
      segment,
      cell,
      arrivals,
      decisionId: decisionId as string[],
      features: features as (string | null)[],
    }
  }
}

const NONE: readonly Arrival[] = []

function arrivalsOf(times: DuckDBValue | undefined, amounts: DuckDBValue | undefined): readonly Arrival[] {
  if (times === null || amounts === null) return NONE
  const values = (amounts as DuckDBListValue).items
  return (times as DuckDBListValue).items.map((at, index) => ({ at: Number(at), value: Number(values[index]) }))
}
