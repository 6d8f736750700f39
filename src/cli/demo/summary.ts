import type { Beforehand } from "./beforehand.ts"
import type { VariantStatistics } from "./gateway-client.ts"
import { percent, probability, whole } from "./screen.ts"
import type { Tally } from "./tally.ts"

/** Everything that the end of a demonstration tells. */
export interface Outcome {
  readonly variants: readonly string[]
  readonly beforehand: Beforehand
  readonly tally: Tally
  readonly statistics: readonly VariantStatistics[]
  readonly elapsedSeconds: number
}

/** What is played and what the labels say beforehand, for people. */
export function introduction(variants: readonly string[], beforehand: Beforehand, ads: number): string {
  const { contestedShare, clickRates, better, regretPerDecision, decisionsNeeded } = beforehand
  const rates = variants.map((id, index) => `${id} ${percent(clickRates[index] ?? 0, 1)}`).join(", ")
  return `Synthetic ad traffic in the shape of the Avazu click data: slates of five out of ${whole(ads)} labelled ads. Neither model was fitted on them. The chosen variant's model ranks a slate, the top ad is shown, and its label is the click posted back.

The two models are close: on ${percent(1 - contestedShare, 0)} of slates both put the same ad on top, and the choice makes no difference. Only the other ${percent(contestedShare, 0)} are played. Measured there from the labels, which the gateway doesn't see:
clicks per decision ${rates}.
So ${variants[better]} is better by ${per100(regretPerDecision)} clicks per 100 of these slates. An even split would need about ${whole(decisionsNeeded)} decisions to be 95 % sure of it.
`
}

/** What was earned, and what else could have been, for people. */
export function summary(outcome: Outcome): string {
  const { variants, beforehand, tally, statistics, elapsedSeconds } = outcome
  if (tally.decisions === 0) return "Stopped before the first decision.\n"
  const rows: [string, number][] = [
    ["the bandit", tally.clicks],
    ...variants.map((id, index): [string, number] => [`always ${id}`, tally.always[index] ?? 0]),
    ["an even split (expected)", tally.even],
  ]
  const nameWidth = Math.max(...rows.map(([name]) => name.length))
  const table = rows.map(
    ([name, clicks]) =>
      `  ${name.padEnd(nameWidth)} ${whole(clicks).padStart(9)}   ${percent(clicks / tally.decisions, 2).padStart(8)}`,
  )
  const better = variants[beforehand.better] ?? ""
  const found = statistics.find(({ id }) => id === better)
  const share = (tally.chosen[beforehand.better]?.decisions ?? 0) / tally.decisions
  return `${whole(tally.decisions)} decisions in ${whole(elapsedSeconds)} s, ${whole(tally.clicks)} clicks posted back and counted once each.

  ${"on the same slates".padEnd(nameWidth)} ${"clicks".padStart(9)}   per slate
${table.join("\n")}

${verdict(better, found?.probabilityBest ?? 0)}
${better} got ${percent(share, 1)} of all decisions; its share is ${percent(found?.allocation ?? 0, 0)} now.
The rows are synthetic, and these slates are those on which the models disagree. Over all slates the difference is ${per100(beforehand.regretPerDecision * beforehand.contestedShare)} clicks per 100. It says which model ranks these rows better, nothing about real ads.
`
}

/** The same as one JSON document. */
export function outcomeDocument(outcome: Outcome, seed: string): unknown {
  const { variants, beforehand, tally, statistics, elapsedSeconds } = outcome
  const byVariant = (values: readonly number[]) => Object.fromEntries(variants.map((id, index) => [id, values[index]]))
  return {
    seed,
    seconds: elapsedSeconds,
    decisions: tally.decisions,
    clicks: tally.clicks,
    variants: statistics,
    sameSlates: { always: byVariant(tally.always), evenSplit: tally.even },
    beforehand: {
      ...beforehand,
      clickRates: byVariant(beforehand.clickRates),
      better: variants[beforehand.better],
    },
  }
}

function per100(clicks: number): string {
  return (clicks * 100).toFixed(2)
}

function verdict(better: string, probabilityBest: number): string {
  const belief = `the gateway's probability that ${better} is best is ${probability(probabilityBest)}`
  if (probabilityBest > 0.95) return `The better model won: ${belief}.`
  if (probabilityBest > 0.5)
    return `The better model leads, but it isn't settled: ${belief}. More decisions settle it:\n  npm run demo -- --decisions 100000`
  return `Chance has favoured the other model so far: ${belief}. More decisions settle it:\n  npm run demo -- --decisions 100000`
}
