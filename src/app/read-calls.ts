import { type CallTotals, callTotals } from "../domain/call-counters.ts"
import type { CounterRow } from "../domain/statistics.ts"
import type { CounterStore } from "../ports/counter-store.ts"

const STRETCH_SECONDS = 300
const STRETCHES = 12

/** How the calls to one variant went: in the last two weeks, and in the last hour by five minutes. */
export interface VariantCalls extends CallTotals {
  /** Oldest first, none for five minutes without calls; `from` is ISO 8601, and the current stretch is not over. */
  readonly lastHour: readonly (CallTotals & { readonly from: string })[]
}

/**
 * Calls to variants: every drawn decision's own, and holdout's, whoever answered in the end.
 *
 * @param series of each variant that is read
 * @param now epoch milliseconds
 * @throws GatewayError `store_unavailable`
 */
export async function readCalls(
  experiment: string,
  series: Readonly<Record<string, number>>,
  counters: CounterStore,
  now: number,
): Promise<(variant: string) => VariantCalls> {
  const rows = await counters.calls(experiment)
  const byVariant = Map.groupBy(
    rows.filter((row) => series[row.variant] === row.series),
    ({ variant }) => variant,
  )
  return (variant) => callsOf(byVariant.get(variant) ?? [], now / 1000)
}

function callsOf(rows: readonly CounterRow[], nowSeconds: number): VariantCalls {
  const current = Math.floor(nowSeconds / STRETCH_SECONDS)
  const byStretch = Map.groupBy(rows, ({ bucket }) => Math.floor(bucket / STRETCH_SECONDS))
  const lastHour = Array.from({ length: STRETCHES }, (_, index) => current - STRETCHES + 1 + index).flatMap(
    (stretch) => {
      const called = byStretch.get(stretch)
      const from = new Date(stretch * STRETCH_SECONDS * 1000).toISOString()
      return called === undefined ? [] : [{ from, ...callTotals(called) }]
    },
  )
  return { ...callTotals(rows), lastHour }
}
