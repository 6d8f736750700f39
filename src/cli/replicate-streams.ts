import seedrandom from "seedrandom"

/** An independent stream of random numbers in [0, 1) for every replicate of what `seed` names; the same for the same seed. */
export function replicateStreams(seed: string): (replicate: number) => () => number {
  return (replicate) => {
    const stream = seedrandom.alea(`${seed}/${replicate}`)
    return () => stream.double()
  }
}
