import { type CounterContents, encodeContents } from "../../domain/counter-contents.ts"
import { entryOf } from "../../domain/entry-of.ts"
import type { LogPosition } from "../../domain/log-position.ts"
import type { Clock } from "../../ports/clock.ts"
import type { CounterArchive } from "../../ports/counter-archive.ts"
import type { CounterStore } from "../../ports/counter-store.ts"
import type { Logger } from "../../ports/logger.ts"
import { asking } from "./connection.ts"
import { ExperimentCounters, type RedisClients } from "./experiment-counters.ts"
import { EXPERIMENTS } from "./keys.ts"
import { LogLife } from "./log-life.ts"

/** Lines that are made bytes at once. */
const LINES_AT_ONCE = 1_000

export interface RedisCounterStore extends CounterStore, CounterArchive {
  /** Keeps counters small and forgets credits of dead tokens. To be called every half minute by each gateway. */
  tidyUp(): Promise<void>
}

/**
 * Counters in Redis, shared by any number of gateways. Everything of one experiment is in one slot, so that a fold is one script; experiments are
 * independent of each other.
 *
 * Closing the store leaves the clients to whoever made them.
 */
export function createRedisCounterStore(clients: RedisClients, clock: Clock, logger: Logger): RedisCounterStore {
  const life = new LogLife(clients.folding, clock)
  const experiments = new Map<string, ExperimentCounters>()
  /** Experiments that Redis is known to list. */
  const listed = new Set<string>()

  const counters = (experiment: string) =>
    entryOf(experiments, experiment, () => new ExperimentCounters(experiment, clients, logger))

  /** Lists an experiment before anything is counted of it. */
  async function list(experiment: string): Promise<void> {
    if (listed.has(experiment)) return
    await clients.folding.sadd(EXPERIMENTS, experiment)
    listed.add(experiment)
  }

  /** All that are listed. A Redis that was emptied has forgotten those that are folded into here. */
  async function all(): Promise<string[]> {
    const known = new Set(await clients.reading.smembers(EXPERIMENTS))
    const forgotten = [...listed].filter((experiment) => !known.has(experiment))
    if (forgotten.length > 0) await clients.folding.sadd(EXPERIMENTS, ...forgotten)
    return [...known, ...forgotten].toSorted()
  }

  async function contents(): Promise<CounterContents> {
    const each = await Promise.all((await all()).map((experiment) => counters(experiment).contents()))
    return {
      positions: each.flatMap(({ positions }) => positions),
      cells: each.flatMap(({ cells }) => cells),
      groups: each.flatMap(({ groups }) => groups),
      sketches: each.flatMap(({ sketches }) => sketches),
    }
  }

  return {
    fold: (batch) =>
      asking("fold", async () => {
        if (await life.hasLapsed(batch.log)) return { status: "lapsed" }
        await list(batch.experiment)
        return await counters(batch.experiment).fold(batch, life.settledSeconds())
      }),
    seen: (postbacks) =>
      asking("seen", async () => {
        const seen = Array.from(postbacks, () => false)
        const byExperiment = Map.groupBy(postbacks.keys(), (index) => postbacks[index]?.experiment ?? "")
        await Promise.all(
          Array.from(byExperiment, async ([experiment, indexes]) => {
            const answers = await counters(experiment).seen(indexes.flatMap((index) => postbacks[index] ?? []))
            for (const [at, index] of indexes.entries()) seen[index] = answers[at] === true
          }),
        )
        return seen
      }),
    statistics: (experiment, query) => asking("statistics", () => counters(experiment).statistics(query)),
    groups: (experiment) => asking("groups", () => counters(experiment).groups()),
    calls: (experiment) => asking("calls", () => counters(experiment).calls()),
    keep: (experiment, resolution) => asking("keep", () => counters(experiment).keep(resolution)),
    alive: (log, foldedTo) =>
      asking("alive", async () => {
        await all()
        return await life.alive(log, foldedTo)
      }),
    positions: (log) =>
      asking("positions", async () => {
        const known = (await all()).map(async (experiment): Promise<[string, LogPosition][]> => {
          const position = await counters(experiment).position(log)
          return position === undefined ? [] : [[experiment, position]]
        })
        return new Map((await Promise.all(known)).flat())
      }),
    contents: () => asking("contents", contents),
    pack: () =>
      asking("pack", async () => {
        const packed = await contents()
        return { positions: packed.positions, bytes: toBytes(encodeContents(packed)) }
      }),
    restore: (given) =>
      asking("restore", async () => {
        const names = new Set([...given.positions, ...given.cells].map(({ experiment }) => experiment))
        for (const experiment of names) {
          const own = <Item extends { readonly experiment: string }>(items: readonly Item[]) =>
            items.filter((item) => item.experiment === experiment)
          const { positions, cells, groups, sketches } = given
          const part = { positions: own(positions), cells: own(cells), groups: own(groups), sketches: own(sketches) }
          await list(experiment)
          await counters(experiment).restore(part, life.settledSeconds())
        }
      }),
    remember: (rewards) =>
      asking("remember", async () => {
        for (const [experiment, some] of Map.groupBy(rewards, (reward) => String(reward.experiment))) {
          await list(experiment)
          await counters(experiment).remember(some, life.settledSeconds())
        }
      }),
    reset: () =>
      asking("reset", async () => {
        for (const experiment of await all()) await counters(experiment).reset()
        await life.reset()
      }),
    tidyUp: () =>
      asking("upkeep", async () => {
        const forgettableTo = await life.forgettableTo()
        for (const experiment of await all()) await counters(experiment).tidyUp(life.settledSeconds(), forgettableTo)
      }),
    close: async () => {},
  }
}

/** Lines with a line feed between each two. All of them as one string would be too long for one. */
function toBytes(lines: Iterable<string>): Uint8Array {
  const pieces: string[] = []
  const bytes: Buffer[] = []
  for (const line of lines) {
    pieces.push(bytes.length + pieces.length === 0 ? line : `\n${line}`)
    if (pieces.length === LINES_AT_ONCE) bytes.push(Buffer.from(pieces.splice(0).join("")))
  }
  return Buffer.concat([...bytes, Buffer.from(pieces.join(""))])
}
