import type { CounterArchive } from "#src/ports/counter-archive.ts"
import type { CounterStore } from "#src/ports/counter-store.ts"
import type { SharedClock } from "#test/shared-clock.ts"

export type OpenedStore = CounterStore & CounterArchive

/** Opens a fresh store whose clock is the given one. */
export type OpenStore = (clock: SharedClock) => Promise<OpenedStore>

const HOUR = 3_600

/** Everything that a store has counted, comparable with what another has, however wide the buckets of each are and in whatever order. */
export async function countedIn(store: OpenedStore): Promise<Map<string, readonly bigint[]>> {
  const counted = new Map<string, readonly bigint[]>()
  const add = (name: string, values: readonly bigint[]) => {
    const known = counted.get(name)
    const sums = values.map((value, index) => value + (known?.[index] ?? 0n))
    if (sums.every((sum) => sum === 0n)) counted.delete(name)
    else counted.set(name, sums)
  }
  const { cells, groups } = await store.contents()
  for (const { experiment, cohort, variant, series, metric, bucket, count, sum, sumSq } of cells) {
    const hour = bucket - (bucket % HOUR)
    add(`counter ${experiment} ${cohort} ${variant} ${series} ${metric} ${hour}`, [BigInt(count), sum, sumSq])
  }
  for (const { experiment, variant, series, metric, epoch, hour, group, ...sums } of groups) {
    const { count, sum, sumSq, weighted, allocated } = sums
    const name = `group ${experiment} ${variant} ${series} ${metric} ${epoch} ${hour} ${group}`
    add(name, [BigInt(count), sum, sumSq, weighted, allocated])
  }
  for (const experiment of new Set(cells.map((cell) => cell.experiment))) {
    for (const { variant, series, day, sketch } of (await store.groups(experiment)).sketches) {
      add(`sketch ${experiment} ${variant} ${series} ${day}`, Array.from(sketch, BigInt))
    }
  }
  return counted
}
