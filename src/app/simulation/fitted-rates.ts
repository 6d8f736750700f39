/** What came of one variant's decisions on one day. */
export interface DayCount {
  readonly decisions: number
  /** How many of them were rewarded. */
  readonly rewarded: number
}

const ROUNDS = 50

/**
 * Each variant's rate on each day, from counts: the variant's own level times the day's times what they have to do with each other. Levels are fitted
 * together, so that a variant that had its traffic on good days is not taken for a good one. Days, and variants on days, differ only as far as
 * chance doesn't explain it: what was counted is drawn towards what was expected.
 *
 * @param days one list of variants for each
 * @returns rates in [0, 1] in the same order; 0 for a variant that was never rewarded
 */
export function fittedRates(days: readonly (readonly DayCount[])[]): readonly (readonly number[])[] {
  const variants = days[0]?.map((_, variant) => variant) ?? []
  const counts = (day: number, variant: number): DayCount => days[day]?.[variant] as DayCount
  let ofVariant = variants.map(() => 1)
  let ofDay = days.map(() => 1)
  for (let round = 0; round < ROUNDS; round++) {
    ofVariant = variants.map((variant) =>
      ratio(
        total(days, (_, day) => counts(day, variant).rewarded),
        total(days, (_, day) => counts(day, variant).decisions * (ofDay[day] as number)),
      ),
    )
    ofDay = days.map((_, day) =>
      ratio(
        total(variants, (variant) => counts(day, variant).rewarded),
        total(variants, (variant) => counts(day, variant).decisions * (ofVariant[variant] as number)),
      ),
    )
  }
  const dayFactors = drawnTogether(
    days.map((_, day) => ({
      counted: total(variants, (variant) => counts(day, variant).rewarded),
      expected: total(variants, (variant) => counts(day, variant).decisions * (ofVariant[variant] as number)),
    })),
  )
  const levelOf = (day: number, variant: number): number => (ofVariant[variant] as number) * (dayFactors[day] as number)
  const cellFactors = drawnTogether(
    days.flatMap((_, day) =>
      variants.map((variant) => ({
        counted: counts(day, variant).rewarded,
        expected: counts(day, variant).decisions * levelOf(day, variant),
      })),
    ),
  )
  return days.map((_, day) =>
    variants.map((variant) =>
      Math.min(1, levelOf(day, variant) * (cellFactors[day * variants.length + variant] as number)),
    ),
  )
}

/**
 * By what factor each count differs from what was expected of it, drawn towards 1: gamma factors over Poisson counts, whose spread is what the
 * counts' own spread leaves beyond chance.
 */
function drawnTogether(counts: readonly { readonly counted: number; readonly expected: number }[]): readonly number[] {
  const beyondChance = total(counts, ({ counted, expected }) => (counted - expected) ** 2 - expected)
  const spread = ratio(
    beyondChance,
    total(counts, ({ expected }) => expected ** 2),
  )
  if (spread <= 0) return counts.map(() => 1)
  return counts.map(({ counted, expected }) => (counted + 1 / spread) / (expected + 1 / spread))
}

function total<Item>(items: readonly Item[], of: (item: Item, index: number) => number): number {
  return items.reduce((sum, item, index) => sum + of(item, index), 0)
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
