import type { Experiment } from "../domain/experiment.ts"

/** What a simulated policy remembers, in pulls: the counterpart of an experiment's `memory`, which is in seconds. */
export type PullMemory =
  | { readonly kind: "all" }
  /** Every visible statistic is multiplied by `gamma` per pull, in (0, 1]. */
  | { readonly kind: "discount"; readonly gamma: number }
  /** Only batches within the last `pulls` visible pulls count, and always the last one. */
  | { readonly kind: "window"; readonly pulls: number }

/**
 * An experiment's `memory` as pulls.
 *
 * @param decisionsPerSecond of the scenario, above 0: how many pulls pass in a second
 */
export function pullMemory(memory: Experiment["memory"], decisionsPerSecond: number): PullMemory {
  if (memory.kind === "window") return { kind: "window", pulls: memory.seconds * decisionsPerSecond }
  if (memory.kind === "discount")
    return { kind: "discount", gamma: 0.5 ** (1 / (memory.halfLifeSeconds * decisionsPerSecond)) }
  return memory
}

/** Pulls and successes of one batch, by arm. */
export interface BatchOutcome {
  readonly pulls: readonly number[]
  readonly successes: readonly number[]
}

/** The statistics that a policy sees: finished batches, forgotten as the memory says. */
export interface VisibleStatistics {
  readonly n: Float64Array
  readonly sum: Float64Array
  /** Takes one more batch, in order. The batch must not change afterwards. */
  add(batch: BatchOutcome): void
}

/** Empty statistics of `arms` arms for batches of `batchPulls` pulls. */
export function visibleStatistics(arms: number, memory: PullMemory, batchPulls: number): VisibleStatistics {
  const n = new Float64Array(arms)
  const sum = new Float64Array(arms)
  const kept: BatchOutcome[] = []
  const keep = memory.kind === "window" ? Math.max(1, Math.floor(memory.pulls / batchPulls)) : 0
  const factor = memory.kind === "discount" ? memory.gamma ** batchPulls : 1

  return {
    n,
    sum,
    add(batch) {
      const forgotten = memory.kind === "window" && kept.push(batch) > keep ? kept.shift() : undefined
      for (let arm = 0; arm < arms; arm++) {
        n[arm] = (n[arm] ?? 0) * factor + (batch.pulls[arm] ?? 0) - (forgotten?.pulls[arm] ?? 0)
        sum[arm] = (sum[arm] ?? 0) * factor + (batch.successes[arm] ?? 0) - (forgotten?.successes[arm] ?? 0)
      }
    },
  }
}
