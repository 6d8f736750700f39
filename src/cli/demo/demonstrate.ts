import { readFile } from "node:fs/promises"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import seedrandom from "seedrandom"
import { loadModelFolder } from "../../adapters/embedded-scorer/folder.ts"
import { readAds } from "./ads.ts"
import { type Beforehand, measureBeforehand } from "./beforehand.ts"
import type { GatewayClient, VariantStatistics } from "./gateway-client.ts"
import { play, type Traffic } from "./play.ts"
import type { Moment } from "./screen.ts"
import { contestedSlates, type ScoredAds } from "./slates.ts"
import type { Outcome } from "./summary.ts"
import type { Tally } from "./tally.ts"

/** The example's experiment, its variants and what serves them. */
export const EXPERIMENT = "banner-ctr"
export const VARIANTS = ["champion", "challenger"] as const
export const MODELS = ["ctr-raw", "ctr-prefixed"] as const

const MEASURED_SLATES = 200_000
const LOOK_EVERY_MS = 1000
const SETTLE_MS = 10_000

/** The example's held-out ads, scored by both models. */
export async function loadScoredAds(): Promise<ScoredAds> {
  const ads = readAds(await readFile(packaged("examples/traffic/held-out-ads.csv"), "utf8"))
  const models = await Promise.all(MODELS.map((name) => loadModelFolder(packaged("examples/models"), name)))
  const instances = ads.map((ad) => ad.features)
  return { ads, scoresByModel: models.map((model) => model.score(instances)) }
}

/** The same figures every time: they are of the ads, not of what is played. */
export function measureExample(pool: ScoredAds): Beforehand {
  return measureBeforehand(pool, seedrandom.alea("beforehand"), MEASURED_SLATES)
}

/**
 * Plays the traffic and looks at the gateway's statistics every second.
 *
 * @param seed which slates and visitors
 * @returns what was played, with the gateway's statistics after the last click
 * @throws Error when the gateway fails, or counts other decisions and clicks than were played
 */
export async function demonstrate(options: {
  readonly client: GatewayClient
  readonly pool: ScoredAds
  readonly beforehand: Beforehand
  readonly seed: string
  readonly traffic: Omit<Traffic, "visitorPrefix">
  readonly signal: AbortSignal
  readonly show: (moment: Moment) => void
}): Promise<Outcome> {
  const { client, pool, beforehand, seed, signal, show } = options
  const traffic = { ...options.traffic, visitorPrefix: `visitor-${seed}` }
  const startMs = performance.now()
  let decided = 0
  const moment = (variants: readonly VariantStatistics[]): Moment => ({
    decisions: decided,
    totalDecisions: traffic.decisions,
    elapsedSeconds: (performance.now() - startMs) / 1000,
    variants,
  })
  const ground = {
    client,
    pool,
    slates: contestedSlates(pool, seedrandom.alea(`slates ${seed}`)),
    variants: VARIANTS,
    monotonicMs: () => performance.now(),
    signal,
  }
  const finished = new AbortController()
  const watch = async () => {
    while (!finished.signal.aborted) {
      show(moment(await client.statistics()))
      await sleep(LOOK_EVERY_MS, undefined, { ref: false })
    }
  }
  const played = play(ground, traffic, (tally) => {
    decided = tally.decisions
  }).finally(() => finished.abort())
  const [tally] = await Promise.all([played, watch()])
  const { elapsedSeconds } = moment([])
  const statistics = await settledStatistics(client, tally)
  show(moment(statistics))
  return { variants: VARIANTS, beforehand, tally, statistics, elapsedSeconds }
}

/** Statistics once every decision and click of the tally has been counted, and none besides. */
async function settledStatistics(client: GatewayClient, tally: Tally): Promise<readonly VariantStatistics[]> {
  const giveUpAtMs = performance.now() + SETTLE_MS
  for (;;) {
    const statistics = await client.statistics()
    const counted = VARIANTS.map((id) => statistics.find((variant) => variant.id === id))
    const settled = tally.chosen.every(
      ({ decisions, clicks }, index) => counted[index]?.decisions === decisions && counted[index]?.rewards === clicks,
    )
    if (settled) return statistics
    if (performance.now() > giveUpAtMs) {
      const expected = JSON.stringify(tally.chosen)
      throw new Error(`the gateway counts ${JSON.stringify(statistics)} where ${expected} was played`)
    }
    await sleep(50)
  }
}

function packaged(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url))
}
