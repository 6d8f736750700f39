import { type MeasuredScenario, measureTraffic } from "../app/simulation/measured-scenario.ts"
import type { LogOrder } from "./log-order.ts"
import type { ProgressBar } from "./progress-bar.ts"

/** The traffic of a log as a world to play in. */
export async function measure(
  { query, open }: LogOrder,
  signal: AbortSignal,
  progress: ProgressBar,
): Promise<MeasuredScenario> {
  const log = await open(signal).prepare({ ...query, modelFeatures: [], arrivals: true }, (share) =>
    progress.update(share, "reading the log"),
  )
  try {
    return await measureTraffic(query.experiment, log)
  } finally {
    await log.close()
  }
}

/** What is said of a world before its results. */
export function describeMeasured(measured: MeasuredScenario): string {
  const { scenario, days, rewards, loggedRegret, refreshSeconds, variants, rows } = measured
  const { played, asked } = refreshSeconds
  const slower = played > asked ? `, where the experiment asks for one every ${asked} s` : ""
  return [
    `The traffic of ${scenario.id}: ${count(scenario.T)} ${rows}, each variant as it earned on ${days === 1 ? "the one day" : `each of ${count(days)} days`}, rewards as late as ${count(rewards)} were.`,
    `A new allocation every ${played} s${slower}. Variants in this order: ${variants.join(", ")}.`,
    `What was logged lost ${count(Number(loggedRegret.toPrecision(4)))} against the best variant of each day, by the same rates.`,
    "",
    "",
  ].join("\n")
}

/** The same for `--json`. */
export function measuredDocument(measured: MeasuredScenario): object {
  const { scenario, days, rewards, loggedRegret, refreshSeconds, variants, rows } = measured
  return {
    experiment: scenario.id,
    decisions: scenario.T,
    rows,
    variants,
    days,
    rewards,
    refreshSeconds: refreshSeconds.played,
    rates: scenario.segments.map(([, rates]) => rates),
    loggedRegret,
  }
}

function count(value: number): string {
  return value.toLocaleString("en")
}
