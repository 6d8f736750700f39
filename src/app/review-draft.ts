import { type DocumentChange, documentChanges } from "../domain/document-changes.ts"
import type { Experiment } from "../domain/experiment.ts"
import { type DocumentWarning, documentWarnings } from "../domain/experiment-warnings.ts"
import { boundOf, ERROR_METRIC, metricsOf } from "../domain/metric.ts"
import type { SeriesStep } from "../domain/series.ts"
import { allocationFor } from "../domain/snapshot.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { Draft } from "./publish.ts"
import { allocateNow, statisticsQuery } from "./reallocate.ts"
import { storedExperiment } from "./revision-lineage.ts"

/** Probability by variant; null where there is no experiment, or the counters can't be read. */
export type SharesByVariant = Readonly<Record<string, number>> | null

/** What a change does, or would do. */
export interface Review {
  readonly changes: readonly DocumentChange[]
  /** What requests would be answered by while the experiment runs. */
  readonly allocation: { readonly before: SharesByVariant; readonly after: SharesByVariant }
  readonly series: readonly SeriesStep[]
  /** Whether rates are compared anew: the traffic is divided otherwise. */
  readonly beginsEpoch: boolean
  readonly warnings: readonly DocumentWarning[]
}

/** Says what publishing a draft does to the document, the allocation and the statistics, before it is done. Never rejects. */
export async function reviewDraft(draft: Draft, counters: CounterStore, now: number): Promise<Review> {
  const { before, experiment, content, lineage, steps } = draft
  const previous = before === undefined ? null : storedExperiment(before)
  const shares = (one: Experiment | null, filed: Draft["lineage"]) => sharesOf(one, filed, counters, now)
  const [sharesBefore, sharesAfter, silent, unfit] = await Promise.all([
    shares(previous, before?.lineage ?? lineage),
    shares(experiment, lineage),
    silentMetrics(experiment, draft, counters, now),
    unfitBackends(draft),
  ])
  return {
    changes: documentChanges(before?.document ?? null, content.document),
    allocation: { before: sharesBefore, after: sharesAfter },
    series: steps,
    beginsEpoch: lineage.epoch !== (before?.lineage.epoch ?? 0),
    warnings: [...documentWarnings(experiment), ...silent, ...unfit],
  }
}

/** The same of an experiment that is taken away. */
export async function reviewRemoval(before: Draft["before"], counters: CounterStore, now: number): Promise<Review> {
  const previous = before === undefined ? null : storedExperiment(before)
  const shares = before === undefined ? null : await sharesOf(previous, before.lineage, counters, now)
  return {
    changes: documentChanges(before?.document ?? null, null),
    allocation: { before: shares, after: null },
    series: [],
    beginsEpoch: false,
    warnings: [],
  }
}

async function sharesOf(
  experiment: Experiment | null,
  lineage: Draft["lineage"],
  counters: CounterStore,
  now: number,
): Promise<SharesByVariant> {
  if (experiment === null) return null
  // Nothing is served by it.
  const base = { experiment, lineage, revision: 0, keyId: "" }
  const snapshot = await quietly(allocateNow(base, counters, now))
  if (snapshot === undefined) return null
  const allocation = allocationFor(snapshot)
  return Object.fromEntries(experiment.variants.map(({ id }, index) => [id, allocation[index] ?? 0]))
}

/** Decisions without a single reward of a metric before it is worth a warning. */
const MANY_DECISIONS = 100

/** Metrics that nothing was ever reported under, although there was reason to. */
async function silentMetrics(
  experiment: Experiment,
  { before, lineage }: Draft,
  counters: CounterStore,
  now: number,
): Promise<DocumentWarning[]> {
  // What was counted before the change is in the series that it may end.
  const filed = { experiment, lineage: before?.lineage ?? lineage }
  const found = await Promise.all(
    metricsOf(experiment).map(async (metric, index): Promise<DocumentWarning[]> => {
      if (metric.id === ERROR_METRIC) return []
      const query = { ...statisticsQuery(filed, now), metric: metric.id, bound: boundOf(metric) }
      const read = await quietly(counters.statistics(experiment.id, { ...query, memory: { kind: "all" } }))
      const totals = (read?.variants ?? []).map((variant) => variant.totals)
      const decisions = totals.reduce((sum, one) => sum + one.decisions, 0)
      if (decisions < MANY_DECISIONS || totals.some(({ rewards }) => rewards > 0)) return []
      const pointer = metric.role === "primary" ? "/reward/metric" : `/metrics/${index - 1}/id`
      const detail = `is "${metric.id}", and nothing was ever reported under it in ${decisions} decisions. Check that postbacks name it so.`
      return [{ pointer, detail }]
    }),
  )
  return found.flat()
}

/** Where the document declares something else than the servers of its models say. */
async function unfitBackends({ endpoints }: Draft): Promise<DocumentWarning[]> {
  const found = await Promise.all(
    endpoints.map(async (endpoint, index): Promise<DocumentWarning[]> => {
      const pointer = `/variants/${index}/backend`
      const description = await endpoint.describe?.()
      if (description === undefined) return []
      if (!description.reached) return [{ pointer, detail: `can't be compared with its model: ${description.unread}` }]
      return description.misfits.map((misfit) => ({ pointer: `${pointer}${misfit.pointer}`, detail: misfit.detail }))
    }),
  )
  return found.flat()
}

/** A review goes on without counters that can't be read: an edit may be what mends them. */
async function quietly<T>(read: Promise<T>): Promise<T | undefined> {
  const [settled] = await Promise.allSettled([read])
  return settled.status === "fulfilled" ? settled.value : undefined
}
