import type { DuckDBConnection, DuckDBListValue, DuckDBValue } from "@duckdb/node-api"
import type { Arrival, RowBatch } from "../../ports/evaluation-log.ts"

/** Rows of `orderedRows`, a few thousand at a time. @param learning whether it has what only learning needs */
export async function* readRows(
  connection: DuckDBConnection,
  sql: string,
  learning: boolean,
): AsyncGenerator<RowBatch> {
  const result = await connection.stream(sql)
  for (;;) {
    const chunk = await result.fetchChunk()
    if (chunk === null || chunk.rowCount === 0) return
    const columns = Array.from({ length: learning ? 10 : 8 }, (_, index) => chunk.getColumnValues(index) as number[])
    const [at = [], variant = [], allocation = [], reward = [], bucket = [], revision = [], segment = [], cell = []] =
      columns
    const [series = [], coin = []] = columns.slice(8)
    const [times, amounts] = learning ? [chunk.getColumnValues(10), chunk.getColumnValues(11)] : [[], []]
    const arrivals = times.map((list, index) => arrivalsOf(list, amounts[index]))
    const count = chunk.rowCount
    yield { count, at, variant, allocation, reward, bucket, revision, series, coin, segment, cell, arrivals }
  }
}

const NONE: readonly Arrival[] = []

function arrivalsOf(times: DuckDBValue | undefined, amounts: DuckDBValue | undefined): readonly Arrival[] {
  if (times === null || amounts === null) return NONE
  const values = (amounts as DuckDBListValue).items
  return (times as DuckDBListValue).items.map((at, index) => ({ at: Number(at), value: Number(values[index]) }))
}
