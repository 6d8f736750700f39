import { type AllocatedBy, allocate } from "#policies/allocate.ts"
import { type PolicyChoice, parsePolicy, policyChoice } from "#policies/policy-document.ts"
import { assignmentScores } from "../domain/assignment.ts"
import { decide } from "../domain/decide.ts"
import type { Experiment } from "../domain/experiment.ts"
import { boundOf, type MetricDefinition } from "../domain/metric.ts"
import type { Plan } from "../domain/plan.ts"
import { allocationFor, type Snapshot } from "../domain/snapshot.ts"
import type { StatisticsQuery, VariantStatistics, VariantTotals } from "../domain/statistics.ts"
import { emptySketch, estimateUnits, mergeSketch, type UnitSketch } from "../domain/unit-sketch.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { ModelEndpoint } from "../ports/model-endpoint.ts"
import { readCalls } from "./read-calls.ts"
import { statisticsQuery, toArms } from "./reallocate.ts"
import type { Served } from "./served-experiments.ts"

const NOTHING: VariantStatistics["totals"] = { decisions: 0, rewards: 0, sum: 0, sumSq: 0 }

/**
 * Counters of an experiment by variant at one moment, with what follows from them. `rate` and `probabilityBest` are of the same decisions:
 * those that the policy counts now, after memory and maturation. The allocation may be a refresh older, which its own state version shows.
 *
 * @throws GatewayError `store_unavailable`
 */
export async function readStatistics(snapshot: Snapshot, counters: CounterStore, clock: Clock) {
  const { experiment, revision } = snapshot
  const now = clock.now()
  const query = statisticsQuery(snapshot, now)
  const [{ read, posteriors }, units, calls, ...secondary] = await Promise.all([
    readPosteriors(snapshot, counters, now),
    readUnits(experiment, query.series, counters),
    readCalls(experiment.id, query.series, counters, now),
    ...experiment.metrics.map((metric) => readSecondary(experiment, metric, query, counters)),
  ])
  const byVariant = new Map(read.variants.map((entry) => [entry.variant, entry]))
  const allocation = allocationFor(snapshot)
  return {
    experiment: experiment.id,
    revision,
    status: experiment.status,
    policy: experiment.policy.kind,
    asOf: new Date(now).toISOString(),
    stateVersion: read.stateVersion,
    ...(read.partial === undefined ? {} : { partial: read.partial }),
    allocationStateVersion: snapshot.stateVersion,
    variants: experiment.variants.map(({ id }, i) => {
      const known = byVariant.get(id)
      const { decisions, rewards, sum, sumSq } = known?.totals ?? NOTHING
      return {
        id,
        series: query.series[id] ?? 1,
        decisions,
        units: units.get(id) ?? 0,
        rewards,
        sum,
        sumSq,
        rate: posteriors[i]?.rate ?? 0,
        allocation: allocation[i] as number,
        probabilityBest: posteriors[i]?.probabilityBest ?? 0,
        matured: known?.n ?? 0,
        pending: known?.pending ?? 0,
        excluded: known?.excluded ?? 0,
        calls: calls(id),
      }
    }),
    holdout: read.holdout.map(({ variant, ...totals }) => ({ id: variant, ...totals, rate: perDecision(totals) })),
    metrics: secondary,
  }
}

/** What is believed of one variant. */
export interface Posterior {
  readonly variant: string
  /** Mean reward of the decisions that the policy counts now. */
  readonly rate: number
  /** Probability of having the largest mean reward, of the same decisions. */
  readonly probabilityBest: number
}

/** What is believed of each variant, in the document's order, and the statistics behind it. @throws GatewayError `store_unavailable` */
export async function readPosteriors(snapshot: Snapshot, counters: CounterStore, now: number) {
  const { experiment } = snapshot
  const read = await counters.statistics(experiment.id, statisticsQuery(snapshot, now))
  const byVariant = new Map(read.variants.map((entry) => [entry.variant, entry]))
  const best = probabilitiesBest(experiment, read.variants)
  const posteriors: Posterior[] = experiment.variants.map(({ id }, i) => {
    const { n = 0, sum = 0 } = byVariant.get(id) ?? {}
    return { variant: id, rate: n === 0 ? 0 : sum / n, probabilityBest: best[i] as number }
  })
  return { read, posteriors }
}

/** How many different units each variant of these series has had, to 3 per cent. */
async function readUnits(
  { id }: Experiment,
  series: StatisticsQuery["series"],
  counters: CounterStore,
): Promise<ReadonlyMap<string, number>> {
  const sketches = new Map<string, UnitSketch>()
  for (const { variant, series: of, sketch } of (await counters.groups(id)).sketches) {
    if (series[variant] !== of) continue
    const known = sketches.get(variant) ?? emptySketch()
    mergeSketch(known, sketch)
    sketches.set(variant, known)
  }
  return new Map([...sketches].map(([variant, sketch]) => [variant, estimateUnits(sketch)]))
}

/** A metric that is counted and not learned from, over all decisions of the series. */
async function readSecondary(
  experiment: Experiment,
  metric: MetricDefinition,
  query: StatisticsQuery,
  counters: CounterStore,
) {
  const read = await counters.statistics(experiment.id, {
    ...query,
    metric: metric.id,
    bound: boundOf(metric),
    memory: { kind: "all" },
    maturation: { kind: "none" },
  })
  const byVariant = new Map(read.variants.map((entry) => [entry.variant, entry.totals]))
  return {
    id: metric.id,
    variants: experiment.variants.map(({ id }) => {
      const { rewards, sum, sumSq, decisions } = byVariant.get(id) ?? NOTHING
      return { id, rewards, sum, sumSq, rate: perDecision({ sum, decisions }) }
    }),
  }
}

function perDecision({ sum, decisions }: Pick<VariantTotals, "sum" | "decisions">): number {
  return decisions === 0 ? 0 : sum / decisions
}

/** Posterior probability of having the largest mean among enabled variants, whatever the policy: Beta for binary rewards, else Student t. */
export function probabilitiesBest(experiment: Experiment, statistics: readonly VariantStatistics[]): readonly number[] {
  const own = policyChoice(experiment.policy)
  const kind = experiment.reward.kind === "binary" ? "thompson" : "thompson-gaussian"
  const policy = own.kind === kind ? { ...own, minPropensity: 0, burnInDecisions: 0 } : defaultChoice(kind)
  const enabled = experiment.variants.map((variant) => variant.enabled)
  return allocate(policy, toArms(experiment, statistics), enabled).allocation
}

function defaultChoice(kind: "thompson" | "thompson-gaussian"): PolicyChoice {
  const parsed = parsePolicy({ kind })
  if (!parsed.ok) throw new Error("the default policy document is valid")
  return parsed.policy
}

/** The allocation in force. */
export function readAllocation(snapshot: Snapshot) {
  const { experiment, revision, stateVersion, plan } = snapshot
  const allocation = allocationFor(snapshot)
  return {
    experiment: experiment.id,
    revision,
    stateVersion,
    policy: experiment.policy.kind,
    ...reasonsOf(experiment, plan),
    allocation: Object.fromEntries(experiment.variants.map(({ id }, i) => [id, allocation[i]])),
  }
}

/** Who says the allocation, and which variants are in their burn-in: `burn_in` where all that are enabled are. */
function reasonsOf({ variants }: Experiment, plan: Plan) {
  if (plan.kind === "contextual") return { reason: plan.reason, newcomers: [] }
  const newcomers = variants.filter(({ enabled }, i) => enabled && plan.reasons[i] === "burn_in").map(({ id }) => id)
  const reason: AllocatedBy =
    newcomers.length === variants.filter(({ enabled }) => enabled).length ? "burn_in" : "policy"
  return { reason, newcomers }
}

/** What a unit would get now, and why: every number that the choice is made from. */
export function explainChoice({ snapshot, endpoints }: Served, unitId: string) {
  const { experiment, revision, stateVersion } = snapshot
  const choice = decide(snapshot, { decisionId: unitId, unitId, context: undefined, forcedIndex: undefined })
  const allocation = allocationFor(snapshot)
  const scores = assignmentScores(unitId, snapshot.keys, allocation)
  return {
    experiment: experiment.id,
    revision,
    stateVersion,
    unitId,
    status: experiment.status,
    stickiness: experiment.stickiness,
    policy: experiment.policy.kind,
    reason: choice.reason,
    variant: choice.variant,
    propensity: choice.propensity,
    learn: choice.learn,
    explanation: explanationOf(experiment, choice.reason),
    variants: experiment.variants.map(({ id, enabled }, i) => ({
      id,
      enabled,
      allocation: allocation[i] as number,
      score: scores[i] ?? null,
      knownFeatures: knownFeatures(endpoints[i]),
      request: endpoints[i]?.preview?.() ?? null,
      server: describedBy(endpoints[i]),
    })),
  }
}

/** What the model's server says of it, and where the document declares something else; null where no server can say. */
function describedBy(endpoint: ModelEndpoint | undefined) {
  if (endpoint?.describe === undefined) return null
  const { signature, misfits, unread } = endpoint.description?.() ?? { misfits: [], unread: "nobody has asked it yet" }
  return { signature: signature ?? null, misfits, ...(unread === undefined ? {} : { unread }) }
}

/** Sorted names; null where the model can't tell. */
function knownFeatures(endpoint: ModelEndpoint | undefined): readonly string[] | null {
  return endpoint?.knownFeatures === undefined ? null : [...endpoint.knownFeatures].sort()
}

function explanationOf({ stickiness }: Experiment, reason: keyof typeof EXPLANATIONS): string {
  const drawn = reason === "policy" || reason === "burn_in"
  const before = stickiness === "request" && drawn ? `${DRAWN_ANEW} ` : ""
  return `${before}${EXPLANATIONS[reason]}${drawn ? ` ${PROPENSITY[stickiness]}` : ""}`
}

/** Under `stickiness: request` no unit keeps a variant. */
const DRAWN_ANEW = "Every request is drawn anew by its decision id, so this is what a decision with this id would get."

const PROPENSITY = {
  unit:
    "The propensity is the probability over the hash for a unit seen for the first time: a unit's later decisions follow from its first, " +
    "so estimates take one row per unit.",
  request:
    "The propensity is the probability of this decision given everything before it: rows can be weighted by it as they are.",
} as const

const EXPLANATIONS = {
  policy:
    "The variant with the smallest score -ln(h) / allocation, h a hash of unit and variant, under the policy's allocation.",
  burn_in:
    "The variant with the smallest score -ln(h) / allocation, h a hash of unit and variant. It is in its burn-in: its share is that of its weight.",
  holdout: "The unit is in the holdout, whatever the stickiness: it gets the control and nothing is learned from it.",
  paused: "The experiment is not running: everyone gets the control and nothing is learned.",
  forced: "The caller forced the variant.",
} as const
