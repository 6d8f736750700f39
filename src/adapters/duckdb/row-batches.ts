import type { DuckDBConnection, DuckDBListValue, DuckDBValue } from "@duckdb/node-api"
import type { Arrival, RowBatch } from "../../ports/evaluation-log.ts"

/** Rows of `orderedRows`, a few thousand at a time. */
export async function* readRows(connection: DuckDBConnection, sql: string): AsyncGenerator<RowBatch> {
  const result = await connection.stream(sql)
  for (;;) {
    const chunk = await result.fetchChunk()
    if (chunk === null || chunk.rowCount === 0) return
    const [at, variant, allocation, reward, bucket, revision, series, coin, segment, cell] =
      chunk.getColumns() as number[][]
    const [times, amounts] = [chunk.getColumnValues(10), chunk.getColumnValues(11)]
    yield {
      count: chunk.rowCount,
      at: at ?? [],
      variant: variant ?? [],
      allocation: allocation ?? [],
      reward: reward ?? [],
      bucket: bucket ?? [],
      revision: revision ?? [],
      series: series ?? [],
      coin: coin ?? [],
      segment: segment ?? [],
      cell: cell ?? [],
      arrivals: times.map((list, index) => arrivalsOf(list, amounts[index])),
    }
  }
}

const NONE: readonly Arrival[] = []

function arrivalsOf(times: DuckDBValue | undefined, amounts: DuckDBValue | undefined): readonly Arrival[] {
  if (times === null || amounts === null) return NONE
  const values = (amounts as DuckDBListValue).items
  return (times as DuckDBListValue).items.map((at, index) => ({ at: Number(at), value: Number(values[index]) }))
}
