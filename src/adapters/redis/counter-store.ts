import { type CounterContents, encodeEnd } from "../../domain/counter-contents.ts"
import { entryOf } from "../../domain/entry-of.ts"
import type { LogPosition } from "../../domain/log-position.ts"
import type { Clock } from "../../ports/clock.ts"
import type { CounterArchive } from "../../ports/counter-archive.ts"
import type { CounterStore } from "../../ports/counter-store.ts"
import type { Logger } from "../../ports/logger.ts"
import type { Loss, SharedCounters } from "../../ports/shared-counters.ts"
import { asking } from "./connection.ts"
import { ExperimentCounters, type RedisClients } from "./experiment-counters.ts"
import { EXPERIMENTS } from "./keys.ts"
import { LogLife } from "./log-life.ts"
import { LOSS_WAITS } from "./losses.ts"

export interface RedisCounterStore extends CounterStore, CounterArchive, SharedCounters {
  /** The mark of the counters that are folded into, empty before any were met. */
  readonly markOf: (experiment: string) => string
  /** Keeps counters small and forgets credits of dead tokens. To be called every half minute by each gateway. */
  tidyUp(): Promise<void>
}

/**
 * Counters in Redis, shared by any number of gateways. Everything of one experiment is in one slot, so that a fold is one script; experiments are
 * independent of each other.
 *
 * Closing the store leaves the clients to whoever made them.
 *
 * @param waits how long what counters have lost is waited for
 */
export function createRedisCounterStore(
  clients: RedisClients,
  clock: Clock,
  logger: Logger,
  waits = LOSS_WAITS,
): RedisCounterStore {
  const life = new LogLife(clients.folding, clock)
  const experiments = new Map<string, ExperimentCounters>()
  /** Experiments that Redis is known to list. */
  const listed = new Set<string>()

  const counters = (experiment: string) =>
    entryOf(experiments, experiment, () => new ExperimentCounters(experiment, clients, waits, logger))

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
    const origins = each.flatMap((one) => one.origins ?? [])
    return {
      ...(origins.length === 0 ? {} : { origins }),
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
        const each = await Promise.all((await all()).map((experiment) => counters(experiment).pack()))
        const parts = each.flatMap((packed) => packed.parts)
        const end = encodeEnd(parts.reduce((sum, { count }) => sum + count, 0))
        // Each part's bytes begin with a line feed, and what stands before the first would be an empty line.
        const bytes = Buffer.concat([...parts.map((part) => part.bytes), Buffer.from(`\n${end}`)]).subarray(1)
        return { positions: each.flatMap(({ positions }) => positions), bytes }
      }),
    restore: (given) =>
      asking("restore", async () => {
        const names = new Set([...given.positions, ...given.cells].map(({ experiment }) => experiment))
        for (const experiment of names) {
          await list(experiment)
          await counters(experiment).restore(partOf(given, experiment), life.settledSeconds())
        }
      }),
    know: ({ positions, origins = [] }) => {
      for (const { experiment, mark } of origins) {
        const own = positions.filter((one) => one.experiment === experiment)
        listed.add(experiment)
        counters(experiment).know(
          mark,
          own.map(({ log, position }) => [log, position]),
        )
      }
    },
    losses: () =>
      asking("losses", async () => {
        const each = await Promise.all((await all()).map((experiment) => counters(experiment).loss()))
        return each.filter((loss): loss is Loss => loss !== undefined)
      }),
    restoreLost: ({ experiment, mark }, given) =>
      asking("restore", async () => {
        return await counters(experiment).restoreLost(mark, partOf(given, experiment), life.settledSeconds())
      }),
    isWritten: (log) => asking("alive", () => life.isWritten(log)),
    settle: (experiment, log, upTo) => asking("settle", () => counters(experiment).settle(log, upTo)),
    markOf: (experiment) => counters(experiment).mark,
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
        for (const experiment of await all()) {
          await counters(experiment).tidyUp(life.settledSeconds(), (lacking) => life.forgettableTo(lacking))
        }
      }),
    close: async () => {},
  }
}

/** What contents have of one experiment. */
function partOf(given: CounterContents, experiment: string): CounterContents {
  const own = <Item extends { readonly experiment: string }>(items: readonly Item[]) =>
    items.filter((item) => item.experiment === experiment)
  const { origins = [], positions, cells, groups, sketches } = given
  return {
    origins: own(origins),
    positions: own(positions),
    cells: own(cells),
    groups: own(groups),
    sketches: own(sketches),
  }
}
