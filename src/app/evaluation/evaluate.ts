import type { EstimatorName } from "../../domain/evaluation/estimators.ts"
import { OutcomeModel } from "../../domain/evaluation/outcome-model.ts"
import type { EvaluationLog, EvaluationQuery, LogSummary, PreparedLog } from "../../ports/evaluation-log.ts"
import { Course } from "./course.ts"
import { enabledIn } from "./evaluated-experiment.ts"
import { type Resampling, type Result, type RewardRange, Tally } from "./tally.ts"
import type { EvaluatedDecision, Learning, Target } from "./target.ts"

/** Segments that are told apart, the largest ones; rows of the others are counted together. */
const MOST_SEGMENTS = 20

export interface EvaluationOrder {
  readonly query: EvaluationQuery
  readonly estimators: readonly EstimatorName[]
  readonly resampling: Resampling
  /** Makes the targets once it is known what the log has. */
  readonly targetsOf: (log: LoggedFacts) => readonly Target[]
}

/** What targets are made from. */
export interface LoggedFacts {
  readonly summary: LogSummary
  /** The lowest probability above 0 that a variant had in any allocation. */
  readonly lowest: number
  /** How few variants were ever enabled at once. */
  readonly fewestEnabled: number
}

export interface SegmentResult extends Result {
  /** Null: rows without the feature; undefined: all segments that are too small to be told apart. */
  readonly segment: string | null | undefined
}

export interface TargetResult extends Result {
  readonly policy: string
  readonly learning: Learning | undefined
  readonly segments: readonly SegmentResult[]
  readonly course: Course
}

export interface Evaluation {
  readonly summary: LogSummary
  /** Rows left out because their allocation gave the served variant nothing, which no gateway writes. */
  readonly impossible: number
  readonly targets: readonly TargetResult[]
}

/**
 * What each target would have earned, from one pass over the log in the order of its decisions: outcome model, learning and anytime-valid
 * intervals look at earlier rows only.
 *
 * @param progress told a share in [0, 1] now and then
 * @throws GatewayError as the log does
 */
export async function evaluate(
  log: EvaluationLog,
  order: EvaluationOrder,
  progress: (share: number) => void,
): Promise<Evaluation> {
  const prepared = await log.prepare(order.query, progress)
  try {
    return await evaluateRows(prepared, order, progress)
  } finally {
    await prepared.close()
  }
}

/** One target with what has been added up of it. */
interface Judging {
  readonly target: Target
  readonly tally: Tally
  readonly bySegment: Tally[]
  readonly course: Course
  readonly newTally: () => Tally
}

async function evaluateRows(
  { summary, rows }: PreparedLog,
  { query, estimators, resampling, targetsOf }: EvaluationOrder,
  progress: (share: number) => void,
): Promise<Evaluation> {
  const enabled = new EnabledVariants(summary)
  const facts = factsOf(summary, enabled)
  const range = { low: summary.leastReward < 0 ? -summary.bound : 0, high: summary.bound }
  const judged = targetsOf(facts).map((target) => judging(target, summary, range))
  const model = new OutcomeModel(summary.variants.length)
  const predictions = summary.variants.map(() => 0)
  const decision: Mutable<EvaluatedDecision> = {
    at: 0,
    variant: 0,
    propensity: 1,
    enabled: [],
    series: 1,
    coin: 0,
    arrivals: [],
  }
  let [done, impossible] = [0, 0]
  for await (const batch of rows()) {
    for (let index = 0; index < batch.count; index++) {
      const allocationId = batch.allocation[index] as number
      const variant = batch.variant[index] as number
      const cell = batch.cell[index] as number
      const reward = batch.reward[index] as number
      const bucket = batch.bucket[index] as number
      const logged = (summary.allocations[allocationId] as LogSummary["allocations"][number]).probabilities
      if (!((logged[variant] as number) > 0)) {
        impossible += 1
        continue
      }
      for (let each = 0; each < predictions.length; each++) predictions[each] = model.predict(each, cell)
      decision.at = batch.at[index] as number
      decision.variant = variant
      decision.propensity = logged[variant] as number
      decision.enabled = enabled.of(allocationId, batch.revision[index] as number)
      decision.series = batch.series[index] ?? 1
      decision.coin = batch.coin[index] ?? 0
      decision.arrivals = batch.arrivals[index] ?? []
      for (const { target, tally, bySegment, course, newTally } of judged) {
        const row = weighted(target.probabilities(decision), logged, predictions, variant, reward)
        tally.add(row, bucket)
        course.add(done, row)
        if (query.segmentBy !== undefined) {
          const segment = Math.min(MOST_SEGMENTS, batch.segment[index] as number)
          ;(bySegment[segment] ??= newTally()).add(row, bucket)
        }
        target.learn?.(decision)
      }
      model.add(variant, cell, reward)
      done += 1
    }
    progress(0.9 + (0.1 * done) / summary.rows)
  }
  const log = { certainShare: certainShare(summary), startLost: summary.startLost }
  return {
    summary,
    impossible,
    targets: judged.map(({ target, tally, bySegment, course }) => ({
      policy: target.name,
      ...tally.result(estimators, resampling, log),
      learning: target.learning?.(),
      segments: bySegment.flatMap((part, place) => {
        const segment = place < MOST_SEGMENTS ? summary.segments[place] : undefined
        return [{ segment, ...part.result(estimators, resampling, log) }]
      }),
      course,
    })),
  }
}

type Mutable<T> = { -readonly [Field in keyof T]: T[Field] }

function judging(target: Target, summary: LogSummary, range: RewardRange): Judging {
  const largestWeight = largestWeightOf(target, summary)
  const newTally = (): Tally => new Tally(largestWeight, range)
  return { target, tally: newTally(), bySegment: [], course: new Course(summary.rows), newTally }
}

function weighted(
  probabilities: ArrayLike<number>,
  logged: Float64Array,
  predictions: readonly number[],
  variant: number,
  reward: number,
) {
  let [modelled, unsupported] = [0, 0]
  for (let each = 0; each < predictions.length; each++) {
    const probability = probabilities[each] as number
    modelled += probability * (predictions[each] as number)
    if (logged[each] === 0) unsupported += probability
  }
  const weight = (probabilities[variant] as number) / (logged[variant] as number)
  return { weight, reward, predicted: predictions[variant] as number, modelled, unsupported }
}

function largestWeightOf({ largest }: Target, { allocations }: LogSummary): number | undefined {
  if (largest === undefined) return undefined
  let most = 0
  for (const { probabilities } of allocations) {
    for (const [variant, probability] of probabilities.entries())
      if (probability > 0) most = Math.max(most, (largest[variant] as number) / probability)
  }
  return most
}

function factsOf(summary: LogSummary, enabled: EnabledVariants): LoggedFacts {
  const positive = summary.allocations.flatMap(({ probabilities }) => [...probabilities].filter((each) => each > 0))
  return {
    summary,
    lowest: positive.reduce((least, each) => Math.min(least, each), 1),
    fewestEnabled: enabled.fewest,
  }
}

function certainShare({ allocations, rows }: LogSummary): number {
  const certain = allocations.filter(({ probabilities }) => probabilities.includes(1))
  return certain.reduce((sum, allocation) => sum + allocation.rows, 0) / rows
}

/** Which variants were enabled when a row was drawn: as its revision's document says, or where that is not logged, those its allocation names. */
class EnabledVariants {
  readonly #byRevision: ReadonlyMap<number, readonly boolean[]>
  readonly #byAllocation: readonly (readonly boolean[])[]

  constructor({ documents, allocations, variants }: LogSummary) {
    const documented = documents.flatMap(({ revision, document }) => {
      const enabled = enabledIn(document, variants)
      return enabled === undefined ? [] : [[revision, enabled] as const]
    })
    this.#byRevision = new Map(documented)
    const alike = new Map<string, readonly boolean[]>()
    this.#byAllocation = allocations.map(({ names }) => {
      const known = alike.get(names.join())
      if (known === undefined) alike.set(names.join(), names)
      return known ?? names
    })
  }

  of(allocation: number, revision: number): readonly boolean[] {
    return this.#byRevision.get(revision) ?? (this.#byAllocation[allocation] as readonly boolean[])
  }

  get fewest(): number {
    const patterns = new Set([...this.#byRevision.values(), ...this.#byAllocation])
    return [...patterns].reduce(
      (least, enabled) => Math.min(least, enabled.filter(Boolean).length),
      Number.POSITIVE_INFINITY,
    )
  }
}
