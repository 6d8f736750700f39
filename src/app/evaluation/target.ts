import type { Arrival } from "../../ports/evaluation-log.ts"

/** One row of the log, as targets see it. The object is used again for the next row. */
export interface EvaluatedDecision {
  /** Epoch milliseconds. */
  readonly at: number
  /** Index of the variant that was served. */
  readonly variant: number
  /** Its probability when it was drawn. */
  readonly propensity: number
  /** Which variants could have been served, by index: enabled ones, whatever their probability. Rows that agree share the object. */
  readonly enabled: readonly boolean[]
  /** Of the served variant. */
  readonly series: number
  /** A number in [0, 1) of the decision's own. */
  readonly coin: number
  readonly arrivals: readonly Arrival[]
}

/** What a policy that learns has learned from. */
export interface Learning {
  /** `accepted`: rows that the policy might have drawn itself; `logged`: all of them. */
  readonly from: "accepted" | "logged"
  /** The lowest logged probability, that acceptance is scaled by; undefined under `logged`. */
  readonly scale: number | undefined
  /** Share of rows learned from. */
  readonly share: number
}

/** A policy to be judged. */
export interface Target {
  readonly name: string
  /**
   * The largest probability that it can give a variant, known beforehand; by index. Absent for a target that learns: its value moves, and the
   * anytime-valid interval is of a value that doesn't.
   */
  readonly largest?: readonly number[]
  /** One probability per variant for this decision, from earlier ones alone. Good until the next call. */
  probabilities(decision: EvaluatedDecision): ArrayLike<number>
  /** Tells it what came of the decision. Absent where it doesn't learn. */
  learn?(decision: EvaluatedDecision): void
  readonly learning?: () => Learning
}

/** Always the same shares. @param shares one per variant */
export function fixedTarget(name: string, shares: readonly number[]): Target {
  return { name, largest: shares, probabilities: () => shares }
}

/** Every enabled variant with the same probability. @param variants how many there are; @param fewest how few are ever enabled at once */
export function uniformTarget(variants: number, fewest: number): Target {
  let known: readonly boolean[] | undefined
  let shares: number[] = []
  return {
    name: "uniform",
    largest: Array.from({ length: variants }, () => 1 / Math.max(1, fewest)),
    probabilities: ({ enabled }) => {
      if (enabled !== known) {
        known = enabled
        const count = enabled.filter(Boolean).length
        shares = enabled.map((takes) => (takes ? 1 / count : 0))
      }
      return shares
    },
  }
}
