import type { VariantStatistics } from "./gateway-client.ts"

/** What one picture of a running demonstration shows. */
export interface Moment {
  readonly decisions: number
  readonly totalDecisions: number
  readonly elapsedSeconds: number
  readonly variants: readonly VariantStatistics[]
}

/** Chosen so that a picture fits into 80 columns. */
const BAR_WIDTH = 16
const PROGRESS_WIDTH = 20
const integer = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 })

/** A whole number with separators: `12,345`. */
export function whole(value: number): string {
  return integer.format(value)
}

/** `21.3 %`, or `–` where there is nothing to divide by. */
export function percent(share: number | null, digits: number): string {
  return share === null ? "–" : `${(share * 100).toFixed(digits)} %`
}

/** A bar of `width` cells, filled from the left. */
export function bar(share: number, width: number): string {
  const filled = Math.min(width, Math.max(0, Math.round(share * width)))
  return "█".repeat(filled) + "░".repeat(width - filled)
}

/** The picture for a terminal: always the same number of lines, so that the next one can be drawn over it. */
export function frame(moment: Moment): string[] {
  const { decisions, totalDecisions, elapsedSeconds, variants } = moment
  const idWidth = Math.max(...variants.map(({ id }) => id.length))
  const perSecond = elapsedSeconds > 0 ? decisions / elapsedSeconds : 0
  const progress = bar(decisions / totalDecisions, PROGRESS_WIDTH)
  const head = `${" ".repeat(idWidth)}  ${"allocation".padEnd(BAR_WIDTH + 6)}  decisions   clicks   click rate   P(best)`
  return [
    `${progress}  ${whole(decisions)} of ${whole(totalDecisions)} decisions, ${whole(elapsedSeconds)} s, ${whole(perSecond)}/s`,
    "",
    head,
    ...variants.map((variant) =>
      [
        variant.id.padEnd(idWidth),
        "  ",
        bar(variant.allocation, BAR_WIDTH),
        percent(variant.allocation, 0).padStart(6),
        whole(variant.decisions).padStart(11),
        whole(variant.rewards).padStart(9),
        percent(variant.rate, 2).padStart(13),
        probability(variant.probabilityBest).padStart(10),
      ].join(""),
    ),
  ]
}

/** The same as one line, for a log. */
export function line(moment: Moment): string {
  const { decisions, elapsedSeconds, variants } = moment
  const parts = variants.map(
    ({ id, allocation, rate, probabilityBest }) =>
      `${id} ${percent(allocation, 0)} of traffic, click rate ${percent(rate, 2)}, P(best) ${probability(probabilityBest)}`,
  )
  return `${whole(elapsedSeconds)} s, ${whole(decisions)} decisions: ${parts.join("; ")}`
}

/** Three digits, but never 0 or 1 for what is only close to it. */
export function probability(value: number | null): string {
  if (value === null) return "–"
  if (value < 0.0005) return "< 0.001"
  return value > 0.9995 ? "> 0.999" : value.toFixed(3)
}
