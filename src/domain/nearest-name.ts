/**
 * The known name that a misspelt one was probably meant to be: the fewest letters to insert, remove or exchange, at most 0.4 of
 * the longer name's. Case and what separates words don't count (`min_propensity` is `minPropensity`).
 *
 * @param otherWords other words for known names, lower case without separators, to the name that is right
 * @returns undefined where nothing is near, or the name is one of them; the first of several that are equally near
 */
export function nearestName(
  name: string,
  known: readonly string[],
  otherWords: ReadonlyMap<string, string> = new Map(),
): string | undefined {
  if (known.includes(name)) return undefined
  const folded = fold(name)
  let nearest = otherWords.get(folded)
  if (nearest !== undefined) return nearest
  let fewest = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    const other = fold(candidate)
    const most = Math.round(0.4 * Math.max(folded.length, other.length))
    // A name of 60,000 letters is told from a short one by its length alone.
    if (Math.abs(folded.length - other.length) > most) continue
    const edits = editsBetween(folded, other)
    if (edits <= most && edits < fewest) {
      nearest = candidate
      fewest = edits
    }
  }
  return nearest
}

/** `; did you mean "x"?`, or nothing where no known name is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  return nearest === undefined ? "" : `; did you mean "${nearest}"?`
}

function fold(name: string): string {
  return name.toLowerCase().replace(/[\s_.-]/g, "")
}

/** Letters to insert, remove, exchange, or swap with their neighbour, to make one text of the other: the fewest. */
export function editsBetween(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const exchange = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      let fewest = Math.min(exchange, (row[j] as number) + 1, (next[j - 1] as number) + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        fewest = Math.min(fewest, (before[j - 2] as number) + 1)
      }
      next.push(fewest)
    }
    before = row
    row = next
  }
  return row[b.length] as number
}
