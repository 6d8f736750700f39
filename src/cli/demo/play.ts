import type { GatewayClient } from "./gateway-client.ts"
import { indexOfLargest, type ScoredAds, type Slate } from "./slates.ts"
import { count, emptyTally, type Tally } from "./tally.ts"

/** How much traffic, how fast, and of whom. */
export interface Traffic {
  readonly decisions: number
  readonly ratePerSecond: number
  /** Begins every visitor's id, so that another seed is other visitors. */
  readonly visitorPrefix: string
}

export interface Playground {
  readonly client: GatewayClient
  readonly pool: ScoredAds
  readonly slates: Iterator<Slate, never>
  /** Ids in the order of the pool's models. */
  readonly variants: readonly string[]
  readonly monotonicMs: () => number
  /** Ends the playing early: requests under way are finished, no new one begins. */
  readonly signal: AbortSignal
}

/** Requests under way at once; more would only wait inside the gateway. */
export const VISITORS_AT_ONCE = 16

/**
 * Plays ad traffic against a gateway: a slate is ranked by the chosen variant's model, its top ad is shown, a click is posted back.
 *
 * @param onDecision called after each decision with the tally so far
 * @throws Error on any answer but success, and when a ranking differs from the one that the same model gives here
 */
export async function play(ground: Playground, traffic: Traffic, onDecision: (tally: Tally) => void): Promise<Tally> {
  const { client, pool, slates, variants, monotonicMs, signal } = ground
  const startMs = monotonicMs()
  let tally = emptyTally(variants.length)
  let begun = 0
  let failed = false

  const playOne = async (visitor: number, slate: Slate): Promise<void> => {
    const instances = slate.candidates.map((ad) => pool.ads[ad]?.features ?? {})
    const prediction = await client.predict(`${traffic.visitorPrefix}-${visitor}`, instances)
    const variant = variants.indexOf(prediction.variant)
    const shown = slate.candidates[indexOfLargest(prediction.predictions)]
    if (shown === undefined || shown !== slate.topByModel[variant]) {
      throw new Error(`the gateway's ranking for variant ${prediction.variant} is not its model's`)
    }
    if (pool.ads[shown]?.clicked === true) await client.reward(prediction.decision)
    tally = count(tally, pool, slate, variant)
    onDecision(tally)
  }

  const visitors = Array.from({ length: VISITORS_AT_ONCE }, async () => {
    while (begun < traffic.decisions) {
      const visitor = begun++
      const slate = slates.next().value
      await pause(startMs + (visitor * 1000) / traffic.ratePerSecond - monotonicMs(), signal)
      if (signal.aborted || failed) return
      try {
        await playOne(visitor, slate)
      } catch (error) {
        failed = true
        throw error
      }
    }
  })
  await Promise.all(visitors)
  return tally
}

/** Settles after the time, or as soon as the signal is given. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (milliseconds <= 0 || signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener("abort", end)
      resolve()
    }
    const timer = setTimeout(end, milliseconds)
    signal.addEventListener("abort", end)
  })
}
