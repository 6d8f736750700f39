import type { CounterKey } from "../../domain/counters.ts"
import { delayMetric, parseDelayMetric } from "../../domain/delay-counters.ts"
import type { GroupKey, GroupRow } from "../../domain/group-rows.ts"
import type { CounterRow } from "../../domain/statistics.ts"

const PREFIX = "bandit"
const DAY = 86_400
const HOUR = 3_600

/** For a moment a start tries here what its user may do. */
export const RIGHTS_KEY = `${PREFIX}:rights`

/** Experiments that anything is counted of. */
export const EXPERIMENTS = `${PREFIX}:experiments`

/** When each log was last heard of and how far it is folded, and the time that logs are taken for lapsed by. */
export const LOGS = { seen: `${PREFIX}:{logs}:seen`, time: `${PREFIX}:{logs}:time` } as const

/** What a field of a counter's hash says beside its sum: count, sum or sum of squares. */
const SUMS = 3

type CounterPlace = Omit<CounterKey, "bucket" | "experiment">
type GroupPlace = Omit<GroupKey, "experiment" | "hour" | "group">

/** The keys of one experiment: the braces keep them in one slot of a cluster. No name in them has a colon. */
export class ExperimentKeys {
  readonly meta: string
  readonly logs: string
  readonly changed: string
  readonly hours: string
  readonly expiry: string
  readonly due: string
  readonly allocation: string
  readonly tidied: string
  readonly synced: string
  readonly missing: string
  readonly owed: string
  readonly #prefix: string

  constructor(experiment: string) {
    this.#prefix = `${PREFIX}:{${experiment}}:`
    this.meta = `${this.#prefix}meta`
    this.logs = `${this.#prefix}logs`
    this.changed = `${this.#prefix}changed`
    this.hours = `${this.#prefix}hours`
    this.expiry = `${this.#prefix}expiry`
    this.due = `${this.#prefix}due`
    this.tidied = `${this.#prefix}tidied`
    this.synced = `${this.#prefix}synced`
    this.missing = `${this.#prefix}missing`
    this.owed = `${this.#prefix}owed`
    this.allocation = `${this.#prefix}allocation`
  }

  /** Counters of one name and day; those of a metric's delays together. */
  counters({ cohort, variant, series, metric }: CounterPlace, bucket: number): string {
    const delay = parseDelayMetric(metric)
    const name = delay === undefined ? metric : `${delay.metric}@${delay.windowSeconds}`
    return `${this.#prefix}c:${cohort}:${variant}:${series}:${name}:${Math.floor(bucket / DAY)}`
  }

  groups({ variant, series, metric, epoch }: GroupPlace, { start, width }: Span): string {
    return `${this.#prefix}g:${variant}:${series}:${metric}:${epoch}:${width}:${start}`
  }

  sketch({ variant, series }: Pick<GroupPlace, "variant" | "series">, { start, width }: Span): string {
    return `${this.#prefix}s:${variant}:${series}:${width}:${start}`
  }

  credits(hour: string, bucket: number): string {
    return `${this.#prefix}k:${hour}:${bucket}`
  }

  /** What kind of key it is, and its names. */
  read(key: string): { readonly kind: string; readonly names: readonly string[] } {
    const [kind = "", ...names] = key.slice(this.#prefix.length).split(":")
    return { kind, names }
  }
}

interface Span {
  readonly start: number
  readonly width: number
}

/** The hour of a decision and its metric: what credits are kept by. */
export function creditHour(metric: string, decidedAtMs: number): string {
  return `${metric}:${Math.floor(decidedAtMs / 1000 / HOUR)}`
}

/** When the hour begins, epoch seconds. */
export function creditHourStart(hour: string): number {
  return Number(hour.slice(hour.lastIndexOf(":") + 1)) * HOUR
}

/** Milliseconds at which the hour of a decision begins: times of its credits count from there. */
export function hourStartMs(decidedAtMs: number): number {
  return decidedAtMs - (decidedAtMs % (HOUR * 1000))
}

/** A bucket and its width (by index) in a field's name. */
export function bucketField(bucket: number, widthIndex: number): string {
  return `${bucket}.${widthIndex}`
}

/** The name of a field of a counter's hash. @param sum 0 count, 1 sum, 2 sum of squares */
export function counterField(bucket: string, metric: string, sum: number): string {
  return `${bucket}.${parseDelayMetric(metric)?.bin ?? ""}.${sum}`
}

export interface CounterField {
  readonly metric: string
  readonly bucket: number
  readonly widthIndex: number
  readonly sum: number
}

/** What a field of a counter's hash counts. A field that was put aside at its largest goes by the same name. */
export function readCounterField(keyMetric: string, field: string): CounterField {
  const [bucket, widthIndex, bin = "", sum] = (field.split("+")[0] ?? "").split(".")
  const [metric = "", windowSeconds] = keyMetric.split("@")
  const name =
    windowSeconds === undefined
      ? metric
      : delayMetric({ metric, windowSeconds: Number(windowSeconds), bin: Number(bin) })
  return { metric: name, bucket: Number(bucket), widthIndex: Number(widthIndex), sum: Number(sum) }
}

/** The place that a counter's key names. */
export function readCounterKey(names: readonly string[]): Pick<CounterRow, "cohort" | "variant" | "series" | "metric"> {
  const [cohort, variant = "", series, metric = ""] = names
  if (cohort !== "learned" && cohort !== "holdout" && cohort !== "excluded") {
    throw new TypeError(`[redis] ${String(cohort)} is no cohort`)
  }
  return { cohort, variant, series: Number(series), metric }
}

/** The place that a group row's key names. */
export function readGroupKey(
  names: readonly string[],
): Pick<GroupRow, "variant" | "series" | "metric" | "epoch" | "hour" | "widthSeconds"> {
  const [variant = "", series, metric = "", epoch, width, start] = names
  return {
    variant,
    series: Number(series),
    metric,
    epoch: Number(epoch),
    hour: Number(start),
    widthSeconds: Number(width),
  }
}

/** The place that a sketch's key names. */
export function readSketchKey(names: readonly string[]): {
  readonly variant: string
  readonly series: number
  readonly widthSeconds: number
  readonly day: number
} {
  const [variant = "", series, width, start] = names
  return { variant, series: Number(series), widthSeconds: Number(width), day: Number(start) }
}

/** Numbers of one unit group in a row: count, sum, sum of squares, weighted sum, sum of allocated probability. */
export const GROUP_SUMS = 5
export const COUNTER_SUMS = SUMS

/** Revisions of all experiments: the number of each one's newest, and the documents of one. */
export const REVISIONS = {
  newest: `${PREFIX}:{revisions}:newest`,
  of: (experiment: string) => `${PREFIX}:{revisions}:of:${experiment}`,
} as const

/** The channel on which gateways say that an experiment has a new revision. */
export const PUBLISHED = `${PREFIX}:published`

/** API keys that were made, and when each was last used. */
export const API_KEYS = { made: `${PREFIX}:{api-keys}:made`, used: `${PREFIX}:{api-keys}:used` } as const
