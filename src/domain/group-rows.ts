/** Units fall into this many groups, by a keyed hash of their own: variances go by unit group, since decisions of one unit are dependent. */
export const UNIT_GROUPS = 64

const HOUR_SECONDS = 3_600

/**
 * Which group row an outcome belongs to: learned, drawn decisions only.
 *
 * `epoch` begins anew when static weights or coverage change, and rows of two epochs are never merged.
 */
export interface GroupKey {
  readonly experiment: string
  readonly variant: string
  readonly series: number
  /** `DECISIONS`, or the name of a metric. */
  readonly metric: string
  readonly epoch: number
  /** Start of the decision's hour, epoch seconds. */
  readonly hour: number
  /** 0 to 63. */
  readonly group: number
}

/**
 * Integer additions to one group row.
 *
 * In a row of decisions: `count` decisions, `allocated` the sum of the variant's allocated probability over all decisions of the group, chosen
 * or not, in billionths; `weighted` the sum of round(10^6 / propensity) of those chosen, under `stickiness: request` only. In a row of a
 * metric: `count` rewards, `sum`, `sumSq` as in counters, and `weighted` the sum of round(value / propensity) in the units of `sum`.
 */
export interface GroupDelta {
  readonly count: number
  readonly sum: number
  readonly sumSq: number
  readonly weighted: number
  readonly allocated: number
}

/** One group row as a store holds it; `widthSeconds` grows from an hour to a day and a month. Sums may pass 2^53. */
export interface GroupRow extends Omit<GroupKey, "experiment"> {
  readonly widthSeconds: number
  readonly count: number
  readonly sum: bigint
  readonly sumSq: bigint
  readonly weighted: bigint
  readonly allocated: bigint
}

export function hourOf(second: number): number {
  return second - (second % HOUR_SECONDS)
}
