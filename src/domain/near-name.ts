/** Names longer than this are nobody's slip of the keyboard, and not worth comparing. */
const LONGEST = 32

/** The name that was meant by one that isn't known; undefined where nothing is near. */
export type NearName = (given: string) => string | undefined

/**
 * Finds the name that was meant: the same but for case and separators, another word for it, or at most two slips away (one in names of up to
 * five letters).
 *
 * @param names the names there are
 * @param otherWords other words for each of them, lower case without separators
 */
export function createNearName(
  names: readonly string[],
  otherWords: Readonly<Record<string, readonly string[]>> = {},
): NearName {
  const known = names.map((name) => ({ name, folded: fold(name).slice(0, LONGEST) }))
  const same = new Map([
    ...Object.entries(otherWords).flatMap(([name, words]) => words.map((word) => [word, name] as const)),
    ...known.map(({ name, folded }) => [folded, name] as const),
  ])
  return (given) => {
    if (given.length > LONGEST) return undefined
    const folded = fold(given)
    if (folded === "") return undefined
    const meant = same.get(folded)
    if (meant !== undefined) return meant
    let nearest: { readonly name: string; readonly slips: number } | undefined
    for (const { name, folded: other } of known) {
      const allowed = Math.min(other.length, folded.length) <= 5 ? 1 : 2
      // Every letter that one of them has more is a slip: most names need no closer look.
      if (Math.abs(other.length - folded.length) > allowed) continue
      const slips = slipsBetween(folded, other)
      if (slips <= allowed && slips < (nearest?.slips ?? Number.POSITIVE_INFINITY)) nearest = { name, slips }
    }
    return nearest?.name
  }
}

function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_.-]/g, "")
}

/** Three rows of the table, reused: lower-casing makes a name longer only where it wasn't one of ours. */
const rows = [new Uint16Array(3 * LONGEST + 1), new Uint16Array(3 * LONGEST + 1), new Uint16Array(3 * LONGEST + 1)] as [
  Uint16Array,
  Uint16Array,
  Uint16Array,
]

/** Letters to put in, leave out, replace or swap with their neighbour: the optimal string alignment distance. */
function slipsBetween(a: string, b: string): number {
  let [before, row, next] = rows
  for (let j = 0; j <= b.length; j++) row[j] = j
  for (let i = 1; i <= a.length; i++) {
    next[0] = i
    for (let j = 1; j <= b.length; j++) {
      const differ = a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? 0 : 1
      let slips = Math.min((row[j - 1] as number) + differ, (row[j] as number) + 1, (next[j - 1] as number) + 1)
      const swapped =
        i > 1 && j > 1 && a.charCodeAt(i - 1) === b.charCodeAt(j - 2) && a.charCodeAt(i - 2) === b.charCodeAt(j - 1)
      if (swapped) slips = Math.min(slips, (before[j - 2] as number) + 1)
      next[j] = slips
    }
    const spare = before
    before = row
    row = next
    next = spare
  }
  return row[b.length] as number
}
