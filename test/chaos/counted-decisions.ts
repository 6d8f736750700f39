import { setTimeout as sleep } from "node:timers/promises"

const LOOK_EVERY_MS = 50
const GIVE_UP_AFTER_MS = 5_000

/** The experiments of the traffic. */
const EXPERIMENTS = ["clicks", "sales"] as const
type Watched = (typeof EXPERIMENTS)[number]

/**
 * Watches how many decisions gateways say were counted. Counters that lack something for a while say so: what is said to be whole is never less than
 * what was before.
 */
export class CountedDecisions {
  /** What was said to be whole and wasn't, a sentence each. */
  readonly wrong: string[] = []
  /** How often gateways gave numbers, and how often they said that those are partial, or gave none. */
  readonly looks = { whole: 0, lacking: 0 }
  readonly #most = new Map<Watched, number>()

  /** Looks at one gateway after the other. @param address where the next look goes */
  async watch(address: () => string, running: () => boolean): Promise<void> {
    for (let look = 0; running(); look++) {
      await this.#look(address(), EXPERIMENTS[look % EXPERIMENTS.length] as Watched)
      await sleep(LOOK_EVERY_MS)
    }
  }

  /** Whether these gateways say that everything is counted, and at least so much of each experiment. */
  async areWhole(addresses: readonly string[], least = 0): Promise<boolean> {
    const looks = addresses.flatMap((address) => EXPERIMENTS.map((experiment) => this.#look(address, experiment)))
    return (await Promise.all(looks)).every((counted) => counted !== undefined && counted >= least)
  }

  async #look(address: string, experiment: Watched): Promise<number | undefined> {
    const before = this.#most.get(experiment) ?? 0
    const counted = await countedBy(address, experiment)
    if (counted === undefined) {
      this.looks.lacking += 1
      return undefined
    }
    this.looks.whole += 1
    if (counted < before) this.wrong.push(`${counted} decisions of ${experiment} were said to be all, after ${before}`)
    this.#most.set(experiment, Math.max(this.#most.get(experiment) ?? 0, counted))
    return counted
  }
}

/** @returns undefined where the gateway doesn't answer, or says that something is lacking */
async function countedBy(address: string, experiment: Watched): Promise<number | undefined> {
  try {
    const signal = AbortSignal.timeout(GIVE_UP_AFTER_MS)
    const response = await fetch(`${address}/admin/experiments/${experiment}/stats`, { signal })
    const answer = (await response.json()) as { variants?: { decisions: number }[]; partial?: string[] }
    if (!response.ok || answer.partial !== undefined) return undefined
    return answer.variants?.reduce((sum, { decisions }) => sum + decisions, 0)
  } catch (error) {
    // As for `AdTraffic`: a gateway that died, or is frozen.
    if (error instanceof TypeError || error instanceof SyntaxError || error instanceof DOMException) return undefined
    throw error
  }
}
