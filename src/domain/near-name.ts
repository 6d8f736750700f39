/** Names longer than this are nobody's slip of the keyboard, and not worth comparing. */
const LONGEST = 32

/**
 * The name that was meant by one that isn't known: the same but for case and separators, another word for it, or at most two slips away (one
 * in names of up to five letters).
 *
 * @param known the names there are
 * @param otherWords other words for them, lower case without separators, to the name that is right
 * @returns undefined where nothing is near
 */
export function nearName(
  given: string,
  known: readonly string[],
  otherWords: ReadonlyMap<string, string> = new Map(),
): string | undefined {
  if (given.length > LONGEST) return undefined
  const folded = fold(given)
  if (folded === "") return undefined
  const same = known.find((name) => fold(name) === folded) ?? otherWords.get(folded)
  if (same !== undefined) return same
  const near = known
    .map((name) => ({ name, slips: slipsBetween(folded, fold(name)) }))
    .filter(({ name, slips }) => slips <= (Math.min(name.length, folded.length) <= 5 ? 1 : 2))
    .sort((a, b) => a.slips - b.slips)
  return near[0]?.name
}

function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_.-]/g, "")
}

/** Letters to put in, leave out, replace or swap with their neighbour: the optimal string alignment distance. */
function slipsBetween(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (before[j - 2] as number) + 1 : replaced
      next.push(Math.min(replaced, swapped, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    before = row
    row = next
  }
  return row[b.length] as number
}
