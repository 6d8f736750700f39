/** An experiment's document as the log has it. */
export interface LoggedDocument {
  readonly revision: number
  readonly document: unknown
}

interface Measure {
  readonly attributionWindowSeconds?: unknown
}

/** The longest attribution window that documents give a metric, seconds; undefined where none has the metric with its window. */
export function longestWindow(metric: string, documents: readonly LoggedDocument[]): number | undefined {
  const windows = documents.flatMap(({ document }) => {
    const { reward, metrics } = document as {
      readonly reward?: Measure & { readonly metric?: unknown }
      readonly metrics?: readonly (Measure & { readonly id?: unknown })[]
    }
    const measured = reward?.metric === metric ? reward : metrics?.find(({ id }) => id === metric)
    return typeof measured?.attributionWindowSeconds === "number" ? [measured.attributionWindowSeconds] : []
  })
  return windows.length === 0 ? undefined : Math.max(...windows)
}
