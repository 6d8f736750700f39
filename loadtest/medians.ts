/** Medians over rounds in which all run in turns, so that a change of the machine's speed meets each of them. */
export async function mediansInTurns<Contestant, Figures extends { readonly [Name in keyof Figures]: number }>(
  contestants: readonly Contestant[],
  rounds: number,
  run: (contestant: Contestant) => Promise<Figures>,
): Promise<(readonly [Contestant, Figures])[]> {
  const runs = contestants.map((contestant) => ({ contestant, figures: [] as Figures[] }))
  for (let round = 0; round < rounds; round++) {
    for (const { contestant, figures } of runs) figures.push(await run(contestant))
  }
  return runs.map(({ contestant, figures }) => [contestant, medians(figures)])
}

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
