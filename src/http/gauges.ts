import { Gauge, type Registry } from "prom-client"
import type { Posterior } from "../app/read-experiment.ts"
import type { ServedExperiments } from "../app/served-experiments.ts"
import { allocationFor } from "../domain/snapshot.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import { Posteriors } from "./posteriors.ts"

/** Counts that another part keeps, read at scrape time: name to what it means and how to read it. */
export type Readings = Readonly<Record<string, Reading>>

export interface Reading {
  readonly help: string
  readonly read: () => number
  /** What several threads' readings come to. Default: their sum. */
  readonly overThreads?: "sum" | "max"
}

export function watchReadings(registry: Registry, readings: Readings): void {
  for (const [name, { help, read, overThreads = "sum" }] of Object.entries(readings)) {
    const gauge: Gauge = new Gauge({
      name,
      help,
      aggregator: overThreads,
      registers: [registry],
      collect: () => gauge.set(read()),
    })
  }
}

/** Gauges of what is served now; made anew at each scrape so that removed experiments disappear. */
export function watchExperiments(
  registry: Registry,
  experiments: ServedExperiments,
  counters: CounterStore,
  clock: Clock,
): void {
  const allocation: Gauge<"experiment" | "variant"> = new Gauge({
    name: "bandit_allocation",
    help: "Probability of each variant now",
    labelNames: ["experiment", "variant"],
    registers: [registry],
    collect: () => {
      allocation.reset()
      for (const { snapshot } of experiments.all()) {
        const shares = allocationFor(snapshot)
        for (const [i, { id }] of snapshot.experiment.variants.entries()) {
          allocation.set({ experiment: snapshot.experiment.id, variant: id }, shares[i] as number)
        }
      }
    },
  })
  const revision: Gauge<"experiment"> = new Gauge({
    name: "bandit_experiment_revision",
    help: "Revision served",
    labelNames: ["experiment"],
    registers: [registry],
    collect: () => {
      revision.reset()
      for (const { snapshot } of experiments.all()) {
        revision.set({ experiment: snapshot.experiment.id }, snapshot.revision)
      }
    },
  })
  watchPosteriors(registry, new Posteriors(experiments, counters, clock))
}

/** What is believed of each variant. Where the counters can't be read, the gauges are absent rather than old. */
function watchPosteriors(registry: Registry, posteriors: Posteriors): void {
  const watch = (name: string, help: string, read: (posterior: Posterior) => number): void => {
    const gauge: Gauge<"experiment" | "variant"> = new Gauge({
      name,
      help,
      labelNames: ["experiment", "variant"],
      registers: [registry],
      // Each gauge waits for itself: they are rendered side by side.
      collect: async () => {
        const known = await posteriors.soon()
        gauge.reset()
        for (const [experiment, variants] of known) {
          for (const posterior of variants) gauge.set({ experiment, variant: posterior.variant }, read(posterior))
        }
      },
    })
  }
  watch("bandit_reward_rate", "Mean reward of a decision", ({ rate }) => rate)
  watch(
    "bandit_probability_best",
    "Posterior probability of each variant having the largest mean reward",
    ({ probabilityBest }) => probabilityBest,
  )
}
