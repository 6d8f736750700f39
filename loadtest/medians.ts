/** Of several runs of the same, each figure by itself. */
export function medians<Figures extends { readonly [Name in keyof Figures]: number }>(
  runs: readonly Figures[],
): Figures {
  const [first] = runs
  if (first === undefined) throw new Error("no run to take a median of")
  const names = Object.keys(first) as (keyof Figures)[]
  return Object.fromEntries(names.map((name) => [name, median(runs.map((run) => run[name]))])) as Figures
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2
}
