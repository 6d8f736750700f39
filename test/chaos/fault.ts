import { setTimeout as sleep } from "node:timers/promises"

/** Something that goes wrong for a while. */
export interface Fault {
  /** What and where, for the record. */
  readonly name: string
  strike(): Promise<void> | void
  heal(): Promise<void> | void
}

/** How long a fault lasts, and how long it is quiet after it: uniform between the two, in milliseconds. */
export interface Pace {
  readonly lasts: readonly [number, number]
  readonly quiet: readonly [number, number]
}

/**
 * Lets faults happen one after another, in an order and for a time that `random` gives, until it is `enough`; each happens before any comes again.
 * Whatever was begun is healed, also when something throws.
 *
 * @param tell hears of each strike
 */
export async function letFaultsHappen(
  faults: readonly Fault[],
  pace: Pace,
  enough: () => boolean,
  random: () => number,
  tell: (line: string) => void,
): Promise<void> {
  const between = ([least, most]: readonly [number, number]): number => least + (most - least) * random()
  let left: Fault[] = []
  while (!enough()) {
    if (left.length === 0) left = [...faults]
    const [fault] = left.splice(Math.floor(random() * left.length), 1) as [Fault]
    const lastsMs = between(pace.lasts)
    tell(`${fault.name}, ${(lastsMs / 1000).toFixed(1)} s`)
    try {
      await fault.strike()
      await sleep(lastsMs)
    } finally {
      await fault.heal()
    }
    await sleep(between(pace.quiet))
  }
}
