import seedrandom from "seedrandom"
import type { Arm } from "#policies/policy.ts"
import { arm } from "./arms.ts"

const RATES = [0.01, 0.015] as const
const VALUE = 10
const DECISIONS = 100_000

/**
 * Plays two variants, of which 1 % and 1.5 % of decisions earn $10 and the others nothing, for 100,000 decisions without a burn-in.
 *
 * @param options `refresh` decisions are made with one allocation
 * @returns the regret in dollars and the share of the better variant in the last tenth
 */
export function revenueRun(
  allocate: (arms: readonly Arm[]) => readonly number[],
  { seed, refresh }: { readonly seed: string; readonly refresh: number },
): { readonly regret: number; readonly lateShare: number } {
  const random = seedrandom(seed)
  const n = [0, 0]
  const conversions = [0, 0]
  let late = 0
  for (let made = 0; made < DECISIONS; made += refresh) {
    const [first = 0] = allocate(
      n.map((count, i) => {
        const won = conversions[i] ?? 0
        return arm({ id: String(i), n: count, sum: VALUE * won, sumSq: VALUE * VALUE * won })
      }),
    )
    for (let decision = 0; decision < refresh; decision++) {
      const variant = random() < first ? 0 : 1
      n[variant] = (n[variant] ?? 0) + 1
      if (random() < RATES[variant]) conversions[variant] = (conversions[variant] ?? 0) + 1
      if (variant === 1 && made >= 0.9 * DECISIONS) late++
    }
  }
  return { regret: VALUE * (RATES[1] - RATES[0]) * (n[0] ?? 0), lateShare: late / (0.1 * DECISIONS) }
}
