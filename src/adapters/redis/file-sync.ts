import { Cluster, Command } from "ioredis"
import { entryOf } from "../../domain/entry-of.ts"
import { GatewayError } from "../../domain/errors.ts"
import { isAfter, type LogId, type LogPosition } from "../../domain/log-position.ts"
import type { Clock } from "../../ports/clock.ts"
import type { CounterStore, FoldAnswer, FoldBatch } from "../../ports/counter-store.ts"
import { asking, type RedisClient, untilReady } from "./connection.ts"
import { parsePosition, resultsOf } from "./experiment-reader.ts"
import { ExperimentKeys } from "./keys.ts"
import type { ServerFacts } from "./server-facts.ts"

/** Those who come meanwhile are asked for together. */
const ROUND_EVERY_MS = 250
/** Under `everysec` a server syncs after a second at most, and for as long as its disk takes. */
const SYNCED_WITHIN_MS = 1_500
/** How long a round may take with its way. */
export const ROUND_WITHIN_MS = SYNCED_WITHIN_MS + 250
/** A connection that waits for a sync does nothing else: by the time that it has its next round it is free. */
const CONNECTIONS = 2_000 / ROUND_EVERY_MS
const READY_WITHIN_MS = 250
/** Nothing tells that it is over where no reward comes. */
const SAID_FOR_MS = 15_000

/** How far a log of an experiment is folded. */
interface Folded {
  readonly keys: ExperimentKeys
  readonly log: LogId
  readonly position: LogPosition
}

/** Positions that the server has in its file, by experiment and log, of those that were asked for. */
type Found = ReadonlyMap<string, LogPosition | undefined>

interface Round {
  readonly asked: Map<string, Folded>
  readonly found: Promise<Found>
}

export interface FileSyncOptions {
  /** Knows which master has a key. */
  readonly folding: RedisClient
  readonly connect: () => RedisClient
  readonly clock: Clock
}

/**
 * Waits until a server has synced its append-only file, by WAITAOF.
 *
 * WAITAOF is about what its own connection wrote before, and says yes at once where that is nothing. So a round reads how far the logs are folded,
 * writes, and waits, one after the other on one connection: what was there when it read is in the file when it is told so, whoever wrote it. A
 * server that was started anew without its last folds is found out by what is read.
 */
export class FileSync {
  readonly #options: FileSyncOptions
  readonly #folded = new Map<string, Folded>()
  /** By master. */
  readonly #rounds = new Map<string, { open: Round | undefined; begun: number; lastMs: number }>()
  #clients: readonly RedisClient[] | undefined
  #isNeeded = true
  #replicas = 0
  #problem: { readonly said: string; readonly atMs: number } | undefined

  constructor(options: FileSyncOptions) {
    this.#options = options
  }

  /** Whether answers wait for a sync: they do until it is known that they needn't. */
  get isNeeded(): boolean {
    return this.#isNeeded
  }

  /** Why rounds failed lately, and none has gone well since. */
  get problem(): string | undefined {
    if (!this.#isNeeded || this.#problem === undefined) return undefined
    const isLate = this.#options.clock.monotonicMs() - this.#problem.atMs > SAID_FOR_MS
    return isLate ? undefined : this.#problem.said
  }

  /** Learns what the servers promise by themselves. */
  learn(servers: readonly ServerFacts[]): void {
    this.#isNeeded = servers.some(({ keepsFile, syncs, waits }) => keepsFile && syncs !== "always" && waits === "yes")
    this.#replicas = Math.max(0, ...servers.map(({ replicasToWrite = 0 }) => replicasToWrite))
  }

  /** Learns how far a fold has got. */
  folded({ experiment, log, end }: FoldBatch, answer: FoldAnswer): void {
    const position = answer.status === "folded" ? end : answer.status === "elsewhere" ? answer.position : undefined
    if (position === undefined) return
    const known = this.#folded.get(experiment)
    if (known?.log === log && !isAfter(position, known.position)) return
    this.#folded.set(experiment, { keys: known?.keys ?? new ExperimentKeys(experiment), log, position })
  }

  /** Settles once the server has in its file what was folded of the experiment until now. @throws GatewayError `store_unavailable` */
  async until(experiment: string): Promise<void> {
    const folded = this.#folded.get(experiment)
    if (!this.#isNeeded || folded === undefined) return
    const name = `${experiment}\n${folded.log}`
    const round = this.#nextRound(this.#masterOf(folded.keys.logs))
    round.asked.set(name, folded)
    const position = (await round.found).get(name)
    if (position !== undefined && !isAfter(folded.position, position)) return
    throw new GatewayError("store_unavailable", {
      detail: `[redis] the counters of ${experiment} have lost what was folded`,
    })
  }

  close(): void {
    for (const client of this.#clients ?? []) client.disconnect()
  }

  /** The one that begins next: what is asked for from then on is asked in another. */
  #nextRound(master: string): Round {
    const rounds = entryOf(this.#rounds, master, () => ({
      open: undefined,
      begun: 0,
      lastMs: Number.NEGATIVE_INFINITY,
    }))
    if (rounds.open !== undefined) return rounds.open
    const asked = new Map<string, Folded>()
    const begin = async (): Promise<Found> => {
      const { clock } = this.#options
      const pauseMs = rounds.lastMs + ROUND_EVERY_MS - clock.monotonicMs()
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
      rounds.open = undefined
      rounds.lastMs = clock.monotonicMs()
      rounds.begun += 1
      try {
        const found = await this.#ask(this.#client(rounds.begun), asked)
        this.#problem = undefined
        return found
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        this.#problem = { said: `rewards are refused: ${why}`, atMs: clock.monotonicMs() }
        throw error
      }
    }
    // Whoever opens a round asks for something before it begins.
    const found = Promise.resolve().then(begin)
    rounds.open = { asked, found }
    return rounds.open
  }

  async #ask(client: RedisClient, asked: ReadonlyMap<string, Folded>): Promise<Found> {
    if (!(await untilReady(client, READY_WITHIN_MS))) throw unsynced("it can't be reached")
    const [first] = asked.values()
    if (first === undefined) throw new TypeError("[redis] a round asks for nothing")
    const steps = client.pipeline()
    for (const { keys, log } of asked.values()) steps.hget(keys.logs, log)
    steps.set(first.keys.synced, "1")
    steps.call("WAITAOF", 1, this.#replicas, SYNCED_WITHIN_MS)
    try {
      const results = resultsOf(await steps.exec())
      const [local = 0, replicas = 0] = results.at(-1) as readonly number[]
      if (local < 1) throw unsynced(`not within ${SYNCED_WITHIN_MS} ms`)
      if (replicas < this.#replicas)
        throw unsynced(`${replicas} of ${this.#replicas} replicas have, which need appendonly yes too`)
      return new Map([...asked.keys()].map((name, index) => [name, parsePosition(String(results[index]))]))
    } catch (error) {
      // A pipeline that is sent to the wrong master isn't sent again, and looks for no other.
      if (client instanceof Cluster) client.refreshSlotsCache()
      throw error
    }
  }

  #client(round: number): RedisClient {
    this.#clients ??= Array.from({ length: CONNECTIONS }, this.#options.connect)
    const client = this.#clients[round % CONNECTIONS]
    if (client === undefined) throw new TypeError("[redis] there are no connections")
    return client
  }

  #masterOf(key: string): string {
    const { folding } = this.#options
    if (!(folding instanceof Cluster)) return ""
    return folding.slots[new Command("get", [key]).getSlot()]?.[0] ?? ""
  }
}

function unsynced(why: string): GatewayError {
  return new GatewayError("store_unavailable", { detail: `[redis] the append-only file isn't synced: ${why}` })
}

/** The same store, which says when the server's file has what was folded. */
export function withFileSync<Store extends CounterStore>(store: Store, sync: FileSync): Store {
  return {
    ...store,
    fold: async (batch: FoldBatch) => {
      const answer = await store.fold(batch)
      sync.folded(batch, answer)
      return answer
    },
    // What another gateway has counted may not be synced yet, and no position of this one's log says so: the fold finds the duplicate.
    seen: async (keys: Parameters<Store["seen"]>[0]) =>
      sync.isNeeded ? Array.from(keys, () => false) : await store.seen(keys),
    synced: (experiment: string) => asking("sync", () => sync.until(experiment)),
  }
}
