import * as z from "zod"

/**
 * What a simulated world is like. One pull is one decision; rewards are Bernoulli.
 *
 * Outcomes of pulls kB to kB + B - 1 become visible together, at the first batch boundary that lies more than `delay` pulls after the last of
 * them. Decisions are counted as they are made.
 */
export interface Scenario {
  readonly id: string
  /** Horizon in pulls. */
  readonly T: number
  /** Pulls between two refreshes of the statistics, B ≥ 1. */
  readonly batch: number
  /** Pulls for which an outcome stays invisible, ≥ 0. */
  readonly delay: number
  /** Pulls in a second, above 0: what turns a memory in seconds into pulls. */
  readonly decisionsPerSecond: number
  /** Success probability of every arm from a pull on; starts rise from 0. */
  readonly segments: readonly Segment[]
  /** Pulls at which the regret curve must have a point. */
  readonly checkpoints: readonly number[]
}

export type Segment = readonly [start: number, rates: readonly number[]]

const rates = z.array(z.number().min(0).max(1)).min(1).max(1000)
const segment = z.tuple([z.int().min(0), rates])

/** One element of `scenarios` in a scenario file; what else it holds is left alone. */
export const scenarioSchema = z
  .object({
    id: z.string().min(1),
    T: z.int().min(1).max(1e9),
    batch: z.int().min(1).default(1),
    delay: z.int().min(0).default(0),
    decisionsPerSecond: z.number().positive().max(1e9).default(1),
    segments: z.array(segment).min(1),
    checkpoints: z.array(z.int().min(1)).default([]),
  })
  .superRefine(({ segments, T, checkpoints }, context) => {
    segments.forEach(([start, list], index) => {
      const before = segments[index - 1]
      if (before === undefined ? start !== 0 : start <= before[0]) {
        const message =
          before === undefined ? "The first segment must start at 0" : "Segments must start later one after another"
        context.addIssue({ code: "custom", path: ["segments", index, 0], message })
      }
      if (before !== undefined && list.length !== before[1].length) {
        const message = `Every segment must have the same arms: ${before[1].length} rates`
        context.addIssue({ code: "custom", path: ["segments", index, 1], message })
      }
    })
    checkpoints.forEach((point, index) => {
      if (point > T)
        context.addIssue({ code: "custom", path: ["checkpoints", index], message: `Lies after the horizon T = ${T}` })
    })
  })

/** A file of scenarios; other keys, such as results, are ignored. */
export const scenarioFileSchema = z.object({ scenarios: z.array(scenarioSchema).min(1) })
