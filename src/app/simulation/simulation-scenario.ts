import * as z from "zod"

/** One number for all variants, or one for each in their order. */
export type PerVariant = number | readonly number[]

/** Rates from a decision on, one per variant; null while a variant isn't there. */
export type Segment = readonly [start: number, rates: readonly (number | null)[]]

/** What was measured in a log, instead of made up. */
export interface Measured {
  /** When each decision was made, seconds since the first; never falls. */
  readonly seconds: ArrayLike<number>
  /** By variant: what its rewards were worth, each as likely as the others. */
  readonly values: readonly (readonly number[])[]
  /** By variant: how many seconds its rewards took, likewise. */
  readonly delays: readonly (readonly number[])[]
}

/**
 * What a simulated world is like. Times are in decisions (pulls): one decision is one second of the gateway that is simulated.
 *
 * The variants are called "0", "1", …; the first is the control and the fallback. A decision earns its reward with the rate of the variant that
 * answers it. Whether a reward comes, what it is worth and when are independent of one another.
 */
export interface Scenario {
  readonly id: string
  /** Horizon in decisions. */
  readonly T: number
  /** Decisions between two refreshes of the allocation, B ≥ 1: what was earned in between shows at the refresh. */
  readonly batch: number
  /** Decisions after which every reward comes, ≥ 0; also the attribution window, unless that is given. */
  readonly delay: number
  /** Mean of an exponentially distributed delay, instead of `delay`. */
  readonly meanDelay?: PerVariant | undefined
  /** Decisions after which a reward is too late to count. */
  readonly attributionWindow?: number | undefined
  /** Decisions in a second, above 0: what turns a memory in seconds into decisions. */
  readonly decisionsPerSecond: number
  /** Starts rise from 0. A variant whose rate turns from null to a number joins by an edit of the experiment, and leaves likewise. */
  readonly segments: readonly Segment[]
  /** Units that come back `visits` times each, in random order. Absent: every decision is a unit of its own. */
  readonly units?: { readonly visits: number; readonly correlation: number } | undefined
  /** Share of its decisions that a variant does not answer. The fallback answers them, and nobody where that fails too. */
  readonly failures?: PerVariant | undefined
  /** What a reward is worth on average (1), and how widely it spreads: the standard deviation of its logarithm (0). */
  readonly rewards?: { readonly value: PerVariant; readonly spread: number } | undefined
  /** Decisions at which the regret curve must have a point. */
  readonly checkpoints: readonly number[]
  /** Of a log's own traffic: then batches, windows and delays are in seconds. */
  readonly measured?: Measured | undefined
}

/** As many as an experiment may have. */
const MAX_VARIANTS = 64
/** The order of the visits is drawn beforehand, and kept. */
const MAX_VISITS = 1e8

const rate = z.number().min(0).max(1).nullable()
const segment = z.tuple([z.int().min(0), z.array(rate).min(1).max(MAX_VARIANTS)])

function perVariant(each: z.ZodNumber) {
  return z.union([each, z.array(each)])
}

/** One element of `scenarios` in a scenario file; what else it holds is left alone. */
export const scenarioSchema: z.ZodType<Scenario> = z
  .object({
    id: z.string().min(1),
    T: z.int().min(1).max(1e9),
    batch: z.int().min(1).default(1),
    delay: z.int().min(0).default(0),
    meanDelay: perVariant(z.number().positive().max(1e9)).optional(),
    attributionWindow: z.int().min(1).max(1e9).optional(),
    decisionsPerSecond: z.number().positive().max(1e9).default(1),
    segments: z.array(segment).min(1),
    units: z.object({ visits: z.int().min(1), correlation: z.number().min(0).max(1).default(0) }).optional(),
    failures: perVariant(z.number().min(0).max(1)).optional(),
    rewards: z
      .object({
        value: perVariant(z.number().positive().max(10_000)).default(1),
        spread: z.number().min(0).max(2).default(0),
      })
      .optional(),
    checkpoints: z.array(z.int().min(1)).default([]),
  })
  .superRefine((scenario, context) => {
    for (const { path, message } of disagreements(scenario)) context.addIssue({ code: "custom", path, message })
  })

/** A file of scenarios; other keys, such as results, are ignored. */
export const scenarioFileSchema = z.object({ scenarios: z.array(scenarioSchema).min(1) })

/** The number of a variant. */
export function ofVariant(given: PerVariant | undefined, variant: number, otherwise: number): number {
  if (given === undefined) return otherwise
  return typeof given === "number" ? given : (given[variant] ?? otherwise)
}

/** The gateway's second at which a decision is made: one a second, where nothing was measured. */
export function secondOf({ measured }: Scenario, decision: number): number {
  return measured === undefined ? decision : (measured.seconds[decision] as number)
}

/** After how many decisions a reward is late. */
export function attributionWindowOf({ attributionWindow, delay }: Scenario): number {
  return attributionWindow ?? delay
}

/**
 * The scenario with all variants made equal, for a test of no difference (A/A): each has the mean rate of those that are there, the mean delay
 * and value, and none fails.
 */
export function alike(scenario: Scenario): Scenario {
  const { segments, meanDelay, rewards } = scenario
  return {
    ...scenario,
    segments: segments.map(([start, rates]) => {
      const mean = meanOf(rates.filter((one) => one !== null))
      return [start, rates.map((one) => (one === null ? null : mean))]
    }),
    failures: undefined,
    meanDelay: meanDelay === undefined ? undefined : meanOf(listed(meanDelay)),
    rewards: rewards === undefined ? undefined : { ...rewards, value: meanOf(listed(rewards.value)) },
  }
}

function listed(given: PerVariant): readonly number[] {
  return typeof given === "number" ? [given] : given
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

interface Disagreement {
  readonly path: (string | number)[]
  readonly message: string
}

/** What fields say of one another. */
function* disagreements(scenario: Scenario): Generator<Disagreement> {
  const { T, segments, checkpoints, delay, meanDelay, attributionWindow, units, failures, rewards } = scenario
  const variants = segments[0]?.[1].length ?? 0
  for (const [index, [start, rates]] of segments.entries()) {
    const before = segments[index - 1]
    if (before === undefined && start !== 0) {
      yield { path: ["segments", index, 0], message: "The first segment must start at 0" }
    }
    if (before !== undefined && start <= before[0]) {
      yield { path: ["segments", index, 0], message: "Segments must start later one after another" }
    }
    if (rates.length !== variants) {
      const message = `Every segment must have the same variants: ${variants} rates`
      yield { path: ["segments", index, 1], message }
    }
    if (rates[0] === null) {
      const message = "The first variant is the control and the fallback: it must always be there"
      yield { path: ["segments", index, 1, 0], message }
    }
  }
  for (const [index, point] of checkpoints.entries()) {
    if (point > T) yield { path: ["checkpoints", index], message: `Lies after the horizon T = ${T}` }
  }
  const lists = [
    { path: ["meanDelay"], given: meanDelay },
    { path: ["failures"], given: failures },
    { path: ["rewards", "value"], given: rewards?.value },
  ]
  for (const { path, given } of lists) {
    if (given !== undefined && typeof given !== "number" && given.length !== variants) {
      yield { path, message: `Must be one number, or one for each of the ${variants} variants` }
    }
  }
  if (meanDelay !== undefined && delay > 0)
    yield { path: ["meanDelay"], message: "Give `delay` or `meanDelay`, not both" }
  if (meanDelay !== undefined && attributionWindow === undefined) {
    yield {
      path: ["attributionWindow"],
      message: "Is needed beside `meanDelay`: after how many decisions a reward is late",
    }
  }
  if (units !== undefined && T > MAX_VISITS) {
    yield { path: ["T"], message: `With units, at most ${MAX_VISITS} decisions can be played` }
  }
}
