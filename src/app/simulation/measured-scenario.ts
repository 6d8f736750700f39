import { GatewayError } from "../../domain/errors.ts"
import type { ParsedExperiment } from "../../domain/experiment.ts"
import type { Arrival, LogSummary, PreparedLog } from "../../ports/evaluation-log.ts"
import { evaluatedExperiment, loggedRefreshSeconds } from "../evaluation/evaluated-experiment.ts"
import { type DayCount, fittedRates } from "./fitted-rates.ts"
import type { ExperimentSettings } from "./simulated-experiment.ts"
import { expectedReward } from "./simulated-world.ts"
import type { Scenario } from "./simulation-scenario.ts"

/** One's own traffic as a world to play in. */
export interface MeasuredScenario {
  readonly scenario: Scenario
  readonly variants: readonly string[]
  /** What its decisions are: units by their first decision where units keep their variant. */
  readonly rows: "decisions" | "units"
  /** Days of the log that have rows, by UTC. */
  readonly days: number
  /** Rewards whose delays were measured. */
  readonly rewards: number
  /** What the log's own choices lost against the best variant of each day, by the fitted rates. */
  readonly loggedRegret: number
  /** Seconds between two allocations, and those that the experiment asks for: fewer allocations are made of a long log. */
  readonly refreshSeconds: { readonly played: number; readonly asked: number }
  /** The log's own experiment with other settings. @returns what is wrong with them */
  readonly experimentOf: (settings: ExperimentSettings) => ParsedExperiment
}

const DAY_MS = 86_400_000
/** Allocations in one run, at most about so many. */
const MOST_REFRESHES = 5_000

/**
 * Measures a log's traffic: when decisions came, how often, how much and how late they were rewarded. A log that was prepared with `arrivals`.
 *
 * @throws GatewayError `config_invalid` where nothing was rewarded
 */
export async function measureTraffic(experiment: string, { summary, rows }: PreparedLog): Promise<MeasuredScenario> {
  const seconds = new Float64Array(summary.rows)
  const days: Day[] = []
  const values = summary.variants.map(() => new Sample())
  const delays = summary.variants.map(() => new Sample())
  let count = 0
  for await (const batch of rows()) {
    for (let index = 0; index < batch.count; index++) {
      const at = batch.at[index] as number
      const variant = batch.variant[index] as number
      const reward = batch.reward[index] as number
      seconds[count] = (at - summary.begin) / 1000
      const day = dayOf(days, at, count, summary.variants.length)
      ;(day.decisions[variant] as number) += 1
      if (reward !== 0) {
        ;(day.rewarded[variant] as number) += 1
        values[variant]?.add(reward)
        delays[variant]?.add(delayOf(summary, at, batch.arrivals[index] ?? []))
      }
      count += 1
    }
  }
  const rewards = delays.reduce((sum, { seen }) => sum + seen, 0)
  if (rewards === 0) {
    throw new GatewayError("config_invalid", {
      detail: `no row of ${experiment} earned any ${summary.metric}: there is nothing to replay`,
    })
  }
  const asked = loggedRefreshSeconds(summary)
  const played = Math.max(asked, Math.ceil((seconds[count - 1] ?? 0) / MOST_REFRESHES))
  const rates = fittedRates(days.map(countsOf))
  const scenario: Scenario = {
    id: experiment,
    T: count,
    batch: played,
    delay: 0,
    attributionWindow: summary.windowSeconds,
    decisionsPerSecond: 1,
    segments: days.map(({ start }, day) => [start, rates[day] ?? []]),
    checkpoints: [],
    measured: {
      seconds: seconds.subarray(0, count),
      values: values.map(({ kept }) => kept),
      delays: delays.map(({ kept }) => kept),
    },
  }
  return {
    scenario,
    variants: summary.variants,
    rows: summary.stickiness === "request" ? "decisions" : "units",
    days: days.length,
    rewards,
    loggedRegret: loggedRegretOf(scenario, days),
    refreshSeconds: { played, asked },
    experimentOf: (settings) => evaluatedExperiment(experiment, summary, settings),
  }
}

/** What is counted of a day. */
interface Day {
  readonly date: number
  /** Index of its first row. */
  readonly start: number
  readonly decisions: number[]
  readonly rewarded: number[]
}

/** The day of a row: rows come in their order. */
function dayOf(days: Day[], at: number, row: number, variants: number): Day {
  const date = Math.floor(at / DAY_MS)
  const last = days.at(-1)
  if (last?.date === date) return last
  const none = (): number[] => Array.from({ length: variants }, () => 0)
  const day = { date, start: row, decisions: none(), rewarded: none() }
  days.push(day)
  return day
}

function countsOf({ decisions, rewarded }: Day): readonly DayCount[] {
  return decisions.map((count, variant) => ({ decisions: count, rewarded: rewarded[variant] as number }))
}

/** Seconds until a decision's reward was what it came to: the first that came, or the last where they add up. */
function delayOf({ aggregation }: LogSummary, decidedAt: number, arrivals: readonly Arrival[]): number {
  const counted = aggregation === "first" ? arrivals.find(({ value }) => value !== 0) : arrivals.at(-1)
  return Math.max(0, ((counted?.at ?? decidedAt) - decidedAt) / 1000)
}

function loggedRegretOf(scenario: Scenario, days: readonly Day[]): number {
  return days.reduce((regret, { decisions }, day) => {
    const worth = (scenario.segments[day]?.[1] ?? []).map(
      (rate, variant) => (rate ?? 0) * expectedReward(scenario, variant),
    )
    const best = Math.max(...worth)
    return decisions.reduce((sum, count, variant) => sum + count * (best - (worth[variant] as number)), regret)
  }, 0)
}

const MOST_KEPT = 1 << 16

/** Some of many numbers, evenly taken: every one, then every second one, and so on. */
class Sample {
  kept: number[] = []
  seen = 0
  #every = 1

  add(value: number): void {
    if (this.seen % this.#every === 0) this.kept.push(value)
    this.seen += 1
    if (this.kept.length < MOST_KEPT) return
    this.kept = this.kept.filter((_, index) => index % 2 === 0)
    this.#every *= 2
  }
}
