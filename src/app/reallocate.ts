import { type Allocated, allocate } from "#policies/allocate.ts"
import type { Arm } from "#policies/policy.ts"
import { policyChoice } from "#policies/policy-document.ts"
import type { Experiment } from "../domain/experiment.ts"
import { boundOf } from "../domain/metric.ts"
import type { Plan } from "../domain/plan.ts"
import { createSnapshot, type Snapshot, type SnapshotParts, withPlan } from "../domain/snapshot.ts"
import type { Maturation, StatisticsQuery, VariantStatistics } from "../domain/statistics.ts"
import type { AllocationStore, PublishedAllocation, SharedAllocation } from "../ports/allocation-store.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterStore, Resolution } from "../ports/counter-store.ts"
import type { Logger } from "../ports/logger.ts"
import type { Served, ServedExperiments } from "./served-experiments.ts"

/** What the policy of an experiment wants to know, now. */
export function statisticsQuery(
  { experiment, lineage }: Pick<SnapshotParts, "experiment" | "lineage">,
  now: number,
): StatisticsQuery {
  const { reward, memory } = experiment
  return {
    metric: reward.metric,
    bound: boundOf(reward),
    series: Object.fromEntries(experiment.variants.map(({ id }) => [id, lineage?.series[id] ?? 1])),
    memory,
    maturation: maturationOf(reward),
    ...(lineage?.enabledSince === undefined ? {} : { enabledSince: lineage.enabledSince }),
    now,
  }
}

function maturationOf({ maturation: kind, attributionWindowSeconds: seconds }: Experiment["reward"]): Maturation {
  return kind === "none" ? { kind } : { kind, seconds }
}

/** Half-lives after which a discounted decision weighs less than a millionth. */
const HALF_LIVES = 20

/** How finely the counters of an experiment have to tell ages apart. */
export function resolutionOf({ memory, reward }: Experiment): Resolution {
  const maturationSeconds = reward.maturation === "none" ? 0 : reward.attributionWindowSeconds
  if (memory.kind === "all") return { memorySeconds: undefined, forgottenAfterSeconds: undefined, maturationSeconds }
  if (memory.kind === "window") {
    return { memorySeconds: memory.seconds, forgottenAfterSeconds: memory.seconds, maturationSeconds }
  }
  const { halfLifeSeconds } = memory
  return { memorySeconds: halfLifeSeconds, forgottenAfterSeconds: HALF_LIVES * halfLifeSeconds, maturationSeconds }
}

/** The experiment's variants as arms, in the document's order; a variant without statistics has zeros. */
export function toArms(experiment: Experiment, statistics: readonly VariantStatistics[]): Arm[] {
  const byVariant = new Map(statistics.map((entry) => [entry.variant, entry]))
  return experiment.variants.map(({ id, weight }) => {
    const { n = 0, pending = 0, sum = 0, sumSq = 0, lifetime = 0 } = byVariant.get(id) ?? {}
    return { id, weight, n, pending, sum, sumSq, lifetime }
  })
}

/** What of a snapshot doesn't depend on statistics. */
export type SnapshotBase = Pick<SnapshotParts, "experiment" | "revision" | "lineage" | "keyId">

/** A snapshot of an experiment under the statistics of this moment. @throws GatewayError `store_unavailable` */
export async function allocateNow(base: SnapshotBase, counters: CounterStore, now: number): Promise<Snapshot> {
  const { experiment } = base
  const { stateVersion, variants } = await counters.statistics(experiment.id, statisticsQuery(base, now))
  return allocateFrom(base, stateVersion, variants)
}

/** The same from statistics that are at hand; none for an experiment that nothing is known of. */
export function allocateFrom(
  base: SnapshotBase,
  stateVersion: number,
  statistics: readonly VariantStatistics[],
): Snapshot {
  return createSnapshot({ ...base, stateVersion, plan: planFrom(base.experiment, statistics) })
}

/** What the policy makes of an experiment's statistics. */
export function planFrom(experiment: Experiment, statistics: readonly VariantStatistics[]): Allocated {
  const enabled = experiment.variants.map((variant) => variant.enabled)
  return allocate(policyChoice(experiment.policy), toArms(experiment, statistics), enabled)
}

export interface ReallocatorDeps {
  readonly experiments: ServedExperiments
  readonly counters: CounterStore
  /** What gateways over one store share; undefined where there is one gateway. */
  readonly allocations?: AllocationStore | undefined
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Keeps allocations fresh, off the request path: each experiment every `refreshSeconds`, published only where its counters changed or time
 * alone changes its statistics (maturation, window, discount). A store that is down leaves the last snapshot in place.
 *
 * Of several gateways over one store whichever finds the published allocation older than a refresh computes the next; all serve it.
 */
export class Reallocator {
  readonly #deps: ReallocatorDeps
  readonly #dueAtMs = new Map<string, number>()
  readonly #underWay = new Set<string>()
  /** Experiments whose last try failed. */
  readonly #failing = new Set<string>()

  constructor(deps: ReallocatorDeps) {
    this.#deps = deps
  }

  /** Starts what is due; settles when that is done. Call it often: it looks at a map of times. */
  async tick(): Promise<void> {
    const nowMs = this.#deps.clock.monotonicMs()
    const due = this.#deps.experiments.all().filter(({ snapshot: { experiment } }) => {
      return !this.#underWay.has(experiment.id) && nowMs >= (this.#dueAtMs.get(experiment.id) ?? 0)
    })
    await Promise.all(
      due.map(async ({ snapshot: { experiment } }) => {
        this.#dueAtMs.set(experiment.id, nowMs + experiment.refreshSeconds * 1000)
        this.#underWay.add(experiment.id)
        try {
          await this.reallocate(experiment.id)
          this.#failing.delete(experiment.id)
        } catch (error) {
          if (!this.#failing.has(experiment.id)) {
            const why = { experiment: experiment.id, error: String(error) }
            this.#deps.logger.warn(why, "allocation not refreshed; it is tried again")
          }
          this.#failing.add(experiment.id)
        } finally {
          this.#underWay.delete(experiment.id)
        }
      }),
    )
  }

  /** Refreshes one experiment now. @throws GatewayError `store_unavailable` */
  async reallocate(id: string): Promise<void> {
    const { experiments, counters, allocations, clock } = this.#deps
    const served = experiments.get(id)
    if (served === undefined) return
    const { experiment, revision, stateVersion } = served.snapshot
    const published = await allocations?.read(id)
    const shared = published?.allocation?.revision === revision ? published.allocation : undefined
    if (shared !== undefined && (published?.ageMs ?? 0) < experiment.refreshSeconds * 1000) {
      this.#follow(served, shared)
      return
    }
    const read = await counters.statistics(id, statisticsQuery(served.snapshot, clock.now()))
    const isKnown = read.stateVersion === (shared?.stateVersion ?? stateVersion) && !changesWithTime(experiment)
    if (isKnown && (published === undefined || shared !== undefined)) {
      if (shared !== undefined) this.#follow(served, shared)
      return
    }
    const own = { revision, stateVersion: read.stateVersion, ...planFrom(experiment, read.variants) }
    this.#serve(served, published === undefined ? own : await this.#publish(id, own, published))
  }

  /** @returns what all serve now: the given allocation, or another's that was first */
  async #publish(id: string, own: SharedAllocation, { mark }: PublishedAllocation): Promise<SharedAllocation> {
    const { allocations } = this.#deps
    if ((await allocations?.publish(id, own, mark)) === true) return own
    const first = await allocations?.read(id)
    return first?.allocation?.revision === own.revision ? first.allocation : own
  }

  /** Serves what all serve, unless this gateway does already. */
  #follow(served: Served, shared: SharedAllocation): void {
    const { stateVersion, plan } = served.snapshot
    if (stateVersion !== shared.stateVersion || !isSamePlan(plan, shared)) this.#serve(served, shared)
  }

  #serve(served: Served, { stateVersion, allocation, reasons }: SharedAllocation): void {
    const { experiments } = this.#deps
    const { snapshot } = served
    const { id, variants } = snapshot.experiment
    // An edit that was published meanwhile wins.
    if (experiments.get(id) !== served || allocation.length !== variants.length) return
    experiments.publish({
      ...served,
      snapshot: withPlan(snapshot, { stateVersion, plan: { allocation, reasons } }),
    })
  }
}

function isSamePlan(plan: Plan, { allocation }: SharedAllocation): boolean {
  return plan.kind === "fixed" && plan.allocation.every((probability, index) => probability === allocation[index])
}

/** Whether time alone changes what the policy knows. */
export function changesWithTime(experiment: Experiment): boolean {
  return experiment.memory.kind !== "all" || experiment.reward.maturation !== "none"
}
