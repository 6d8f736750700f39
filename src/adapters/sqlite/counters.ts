import type { StatementSync } from "node:sqlite"
import { bucketAt } from "../../domain/bucket-widths.ts"
import { isCallMetric } from "../../domain/call-counters.ts"
import { type CounterContents, encodeContents } from "../../domain/counter-contents.ts"
import type { CounterKey } from "../../domain/counters.ts"
import type { CounterAddition, GroupAddition } from "../../domain/decision-facts.ts"
import type { RewardEvent } from "../../domain/events.ts"
import { type LogId, type LogPosition, samePosition } from "../../domain/log-position.ts"
import { type CountedReward, delayAdditions, rewardAdditions } from "../../domain/reward-additions.ts"
import { type CounterRow, isAsked, type Statistics, type StatisticsQuery, summarise } from "../../domain/statistics.ts"
import type { PackedContents } from "../../ports/counter-archive.ts"
import type { CreditKey, FoldAnswer, Resolution } from "../../ports/counter-store.ts"
import type { PackedBatch } from "./packed-batch.ts"
import { packGroups } from "./packed-groups.ts"
import { unpackRewards } from "./packed-rewards.ts"
import type { StoredGroupStatistics } from "./stored-groups.ts"
import type { Tables } from "./tables.ts"

/** Lines that are made bytes at once. */
const LINES_AT_ONCE = 1_000

/** Counters, credits and positions in SQLite. Synchronous: lives in the worker. */
export class Counters {
  readonly #tables: Tables
  readonly #rise: StatementSync
  readonly #version: StatementSync

  constructor(tables: Tables) {
    this.#tables = tables
    this.#rise = tables.database.prepare(
      "INSERT INTO versions (experiment, version) VALUES (?, 1) ON CONFLICT DO UPDATE SET version = version + 1",
    )
    this.#version = tables.database.prepare("SELECT version FROM versions WHERE experiment = ?")
  }

  fold(batch: PackedBatch): FoldAnswer {
    return this.#tables.inTransaction(() => this.#foldIfNext(batch))
  }

  seen(keys: readonly CreditKey[]): boolean[] {
    return keys.map((key) => this.#tables.credits.wouldDuplicate(key))
  }

  statistics(experiment: string, query: StatisticsQuery): Statistics {
    const { names, counters } = this.#tables
    const asked = names.of(experiment).filter(({ metric }) => isAsked(metric, query))
    return {
      stateVersion: Number(this.#version.get(experiment)?.["version"] ?? 0),
      ...summarise(counters.rows(asked), query),
    }
  }

  groups(experiment: string): StoredGroupStatistics {
    return { groups: this.#tables.groups.of(experiment), sketches: this.#tables.sketches.of(experiment) }
  }

  calls(experiment: string): CounterRow[] {
    const { names, counters } = this.#tables
    return [...counters.storedRows(names.of(experiment).filter(({ metric }) => isCallMetric(metric)))]
  }

  keep(experiment: string, resolution: Resolution): void {
    this.#tables.resolutions.keep(experiment, resolution)
  }

  alive(log: LogId, foldedTo: number): { readonly lapsed: boolean } {
    return this.#tables.logs.alive(log, this.#tables.time.moment().trustedMs, foldedTo)
  }

  positions(log: LogId): Map<string, LogPosition> {
    return this.#tables.logs.positions(log)
  }

  contents(): CounterContents {
    const { logs, counters, groups, sketches } = this.#tables
    return this.#readTogether(() => {
      return { positions: logs.all(), cells: counters.cells(), groups: groups.all(), sketches: sketches.all() }
    })
  }

  pack(): PackedContents {
    const { logs, counters, groups, sketches } = this.#tables
    return this.#readTogether(() => {
      const positions = logs.all()
      const all = { positions, cells: counters.cells(), groups: groups.each(), sketches: sketches.all() }
      return { positions, bytes: toBytes(encodeContents(all)) }
    })
  }

  restore({ positions, cells, groups, sketches }: CounterContents): void {
    const tables = this.#tables
    const nowSeconds = tables.time.moment().settledSeconds
    tables.inTransaction(() => {
      for (const { widthSeconds, bucket, count, sum, sumSq, ...name } of cells) {
        tables.counters.add({ name: tables.names.idOf(name), width: widthSeconds, bucket }, { count, sum, sumSq })
      }
      for (const [experiment, rows] of Map.groupBy(groups, (row) => row.experiment)) {
        tables.groups.addRows(experiment, rows, nowSeconds)
      }
      for (const { experiment, ...sketch } of sketches) tables.sketches.add(experiment, sketch, nowSeconds)
      for (const { experiment, log, position } of positions) {
        tables.logs.moveTo(experiment, log, { position, answers: [] })
      }
      for (const experiment of new Set(positions.map((position) => position.experiment))) this.#rise.run(experiment)
    })
  }

  remember(rewards: readonly RewardEvent[]): void {
    this.#tables.inTransaction(() => {
      for (const event of rewards) this.#tables.credits.apply(event)
    })
  }

  reset(): void {
    const { database } = this.#tables
    this.#tables.inTransaction(() => {
      const counted = "SELECT experiment FROM positions UNION SELECT experiment FROM counter_names"
      for (const row of database.prepare(counted).all()) this.#rise.run(String(row["experiment"]))
      database.exec(`
        DELETE FROM counters; DELETE FROM group_rows; DELETE FROM sketches; DELETE FROM counter_names;
        DELETE FROM credits; DELETE FROM positions; DELETE FROM logs`)
    })
    this.#tables.forget()
  }

  /** In one read transaction, so that positions and counters belong together while a gateway writes. */
  #readTogether<T>(read: () => T): T {
    const { database } = this.#tables
    database.exec("BEGIN")
    try {
      return read()
    } finally {
      database.exec("COMMIT")
    }
  }

  #foldIfNext(batch: PackedBatch): FoldAnswer {
    const { experiment, log, from, end } = batch
    const rewards = unpackRewards(batch.rewards)
    const { logs, time } = this.#tables
    const { trustedMs, settledSeconds } = time.moment()
    if (logs.alive(log, trustedMs, undefined).lapsed) return { status: "lapsed" }
    const stand = logs.stand(experiment, log)
    const repeated = stand !== undefined && samePosition(stand.position, end)
    if (repeated && stand.answers.length === rewards.length) return { status: "folded", answers: stand.answers }
    if (repeated || !samePosition(stand?.position, from)) return { status: "elsewhere", position: stand?.position }
    const answers = this.#add(batch, rewards, settledSeconds)
    logs.moveTo(experiment, log, { position: end, answers })
    return { status: "folded", answers }
  }

  #add(
    { experiment, counters, groups, sketches }: PackedBatch,
    rewards: readonly CountedReward[],
    nowSeconds: number,
  ): ("applied" | "duplicate")[] {
    const tables = this.#tables
    const additions = new Map<string, Addition>()
    const groupAdditions: GroupAddition[] = []
    for (const addition of counters) addUp(additions, addition)
    const answers = rewards.map((event) => {
      const step = tables.credits.apply(event)
      const { counter, group } = rewardAdditions(event, step)
      if (counter !== undefined) addUp(additions, counter)
      if (group !== undefined) groupAdditions.push(group)
      for (const addition of delayAdditions(event, step)) addUp(additions, addition)
      return step.answer
    })
    const steps = tables.resolutions.stepsOf(experiment)
    for (const { key, ...sums } of additions.values()) {
      const place = { name: tables.names.idOf(key), ...bucketAt(key.bucket, nowSeconds, steps) }
      tables.counters.add(place, sums)
    }
    tables.groups.addPacked(experiment, groups, nowSeconds)
    tables.groups.addPacked(experiment, packGroups(groupAdditions), nowSeconds)
    for (const addition of sketches) tables.sketches.add(experiment, addition, nowSeconds)
    if (additions.size > 0) this.#rise.run(experiment)
    return answers
  }
}

/** Additions to one counter of a batch. Big integers, since those of many large rewards pass 2^53. */
interface Addition {
  readonly key: CounterKey
  count: number
  sum: bigint
  sumSq: bigint
}

function addUp(additions: Map<string, Addition>, { key, delta }: CounterAddition): void {
  const name = `${key.cohort}\n${key.variant}\n${key.series}\n${key.metric}\n${key.bucket}`
  let addition = additions.get(name)
  if (addition === undefined) {
    addition = { key, count: 0, sum: 0n, sumSq: 0n }
    additions.set(name, addition)
  }
  addition.count += delta.count
  if (delta.sum !== 0) addition.sum += BigInt(delta.sum)
  if (delta.sumSq !== 0) addition.sumSq += BigInt(delta.sumSq)
}

/** Lines with a line feed between each two. All of them as one string would be too long for one. */
function toBytes(lines: Iterable<string>): Uint8Array {
  const pieces: Buffer[] = []
  let some: string[] = []
  for (const line of lines) {
    some.push(line)
    if (some.length < LINES_AT_ONCE) continue
    pieces.push(Buffer.from(`${some.join("\n")}\n`))
    some = []
  }
  return Buffer.concat([...pieces, Buffer.from(some.join("\n"))])
}
