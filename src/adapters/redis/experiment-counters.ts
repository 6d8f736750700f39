import { randomBytes } from "node:crypto"
import { daySpanAt, type Resolution, type WidthStep, widthSteps } from "../../domain/bucket-widths.ts"
import type { CounterContents } from "../../domain/counter-contents.ts"
import { entryOf } from "../../domain/entry-of.ts"
import { GatewayError } from "../../domain/errors.ts"
import type { RewardEvent } from "../../domain/events.ts"
import type { LogId, LogPosition } from "../../domain/log-position.ts"
import { type CounterRow, isAsked, type Statistics, type StatisticsQuery, summarise } from "../../domain/statistics.ts"
import type { CreditKey, FoldAnswer, FoldBatch, GroupStatistics, RewardAnswer } from "../../ports/counter-store.ts"
import type { RedisClient } from "./connection.ts"
import {
  cellsOf,
  groupRowsOf,
  parsePosition,
  positionText,
  readContents,
  readHeld,
  readMeta,
  resultsOf,
  sketchOf,
} from "./experiment-reader.ts"
import { type Additions, type FoldPart, type Layout, pieces, planFold, planRewards, widthIndex } from "./fold-plan.ts"
import { bucketField, counterField, creditHour, ExperimentKeys, GROUP_SUMS } from "./keys.ts"
import { creditPlace, packReward } from "./packed-reward.ts"
import { Script, type ScriptArgument } from "./script.ts"

const FOLD = new Script("credits", "cells", "state", "fold")
const REMEMBER = new Script("credits", "state", "remember")
const SEEN = new Script("credits", "state", "seen")
const APPLY_DUE = new Script("cells", "state", "apply-due")

/** Keys that `remember` and `seen` name before those of credits. */
const REMEMBER_KEYS = 3
const SEEN_KEYS = 1

/** A hash of so many credits is small, and quick to search. Servers keep up to 512 fields in that form unless they are told otherwise. */
const CREDITS_A_BUCKET = 100
const LEAST_BUCKETS = 16
const MOST_BUCKETS = 65_536
/** Where nothing is known yet of how many credits an hour has. */
const FIRST_BUCKETS = 256

/** Somebody else has divided an hour otherwise, or made the counters, between two tries. */
const MOST_TRIES = 5

/** Redis, as it is written to and as it is read. */
export interface RedisClients {
  /** Short commands. */
  readonly folding: RedisClient
  /** Long reads, which the folds don't wait for. */
  readonly reading: RedisClient
}

/** Counters, credits and positions of one experiment. */
export class ExperimentCounters {
  readonly keys: ExperimentKeys
  readonly #experiment: string
  readonly #clients: RedisClients
  /** The mark of the counters that this gateway folds into; undefined before it has met them. */
  #generation: string | undefined
  #steps: readonly WidthStep[] | undefined
  /** By hour of credits: into how many hashes they are divided. */
  #buckets = new Map<string, number>()
  #newBuckets = FIRST_BUCKETS
  /** Rows by key, as they were when the experiment had changed so often. */
  #rows = new Map<string, readonly CounterRow[]>()
  #readAt = { changes: 0, gone: 0, generation: "" }

  constructor(experiment: string, clients: RedisClients) {
    this.#experiment = experiment
    this.keys = new ExperimentKeys(experiment)
    this.#clients = clients
  }

  async fold(batch: FoldBatch, nowSeconds: number): Promise<FoldAnswer> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const layout = await this.#layout(hoursOf(batch.rewards), nowSeconds)
      const answer = await this.#foldParts(batch, planFold(batch, layout))
      if (answer !== "again") return answer
    }
    throw this.#moving()
  }

  async #foldParts(batch: FoldBatch, parts: readonly FoldPart[]): Promise<FoldAnswer | "again"> {
    const answers: RewardAnswer[] = []
    for (const part of parts) {
      const [status, detail] = await this.#foldPart(batch, part, answers.length)
      if (status === "elsewhere") return { status, position: parsePosition(String(detail)) }
      if (status === "lapsed") return { status }
      if (status !== "folded") {
        await this.#learn(status, detail)
        return "again"
      }
      for (const letter of String(detail)) answers.push(letter === "d" ? "duplicate" : "applied")
    }
    if (parts.some(({ due }) => due.length > 0)) await this.applyDue()
    return { status: "folded", answers }
  }

  async #foldPart(batch: FoldBatch, part: FoldPart, offset: number): Promise<readonly unknown[]> {
    const { meta, logs, changed, hours, expiry, due } = this.keys
    const { additions } = part
    const plan = {
      last: 6 + part.chunks.length,
      hours: part.hours,
      bins: part.bins,
      buckets: part.buckets,
      counted: part.counted,
      additions: { cells: additions.cells, sketches: additions.sketches },
      due: part.due.length,
    }
    const values: ScriptArgument[] = [
      this.#generation ?? "",
      newGeneration(),
      batch.log,
      positionText(batch.from),
      positionText(batch.end),
      batch.rewards.length,
      offset,
      part.isLast ? 1 : 0,
      JSON.stringify(plan),
      ...part.due.map((later) => JSON.stringify(later)),
      ...part.packed,
    ]
    const keys = [meta, logs, changed, hours, expiry, due, ...part.chunks, ...part.credits]
    return await FOLD.run(this.#clients.folding, keys, values)
  }

  /** Makes what is due, whoever left it. */
  async applyDue(): Promise<void> {
    const { meta, changed, due } = this.keys
    for (;;) {
      const text = await this.#clients.folding.lindex(due, 0)
      if (text === null) return
      const { keys } = JSON.parse(text) as Additions
      const values = [this.#generation ?? "", text]
      const [status, detail] = await APPLY_DUE.run(this.#clients.folding, [meta, changed, due, ...keys], values)
      if (status !== "applied" && status !== "elsewhere") await this.#learn(status, detail)
    }
  }

  async seen(postbacks: readonly CreditKey[]): Promise<boolean[]> {
    await this.#knowHours(hoursOf(postbacks))
    const credits: string[] = []
    const packed: Buffer[] = []
    const asked = postbacks.map((postback) => {
      const hour = hourOfCredit(postback)
      const buckets = this.#buckets.get(hour)
      if (buckets === undefined) return false
      const place = creditPlace(postback.decisionId)
      credits.push(this.keys.credits(hour, place.spread % buckets))
      packed.push(packReward(postback, place, { credit: SEEN_KEYS + credits.length }))
      return true
    })
    if (packed.length === 0) return asked
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const values = [this.#generation ?? "", ...packed]
      const [status, answers] = await SEEN.run(this.#clients.folding, [this.keys.meta, ...credits], values)
      if (status === "seen") {
        let next = 0
        return asked.map((known) => known && String(answers).charAt(next++) === "d")
      }
      await this.#learn(status, answers)
    }
    throw this.#moving()
  }

  async remember(rewards: readonly RewardEvent[], nowSeconds: number): Promise<void> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const layout = await this.#layout(hoursOf(rewards), nowSeconds)
      if (await this.#rememberParts(planRewards(rewards, layout, REMEMBER_KEYS))) return
    }
    throw this.#moving()
  }

  async #rememberParts(parts: ReturnType<typeof planRewards>): Promise<boolean> {
    const { meta, hours, expiry } = this.keys
    for (const part of parts) {
      const values = [this.#generation ?? "", newGeneration(), JSON.stringify({ hours: part.hours }), ...part.packed]
      const keys = [meta, hours, expiry, ...part.credits]
      const [status, detail] = await REMEMBER.run(this.#clients.folding, keys, values)
      // What is forgotten everywhere needn't be remembered.
      if (status === "remembered" || status === "lapsed") continue
      await this.#learn(status, detail)
      return false
    }
    return true
  }

  async statistics(query: StatisticsQuery): Promise<Statistics> {
    const version = await this.#refresh()
    const rows = [...this.#rows.values()].flat().filter(({ metric }) => isAsked(metric, query))
    return { stateVersion: version, ...summarise(rows, query) }
  }

  /** Brings the rows in memory up to date. @returns the version that they have at least */
  async #refresh(): Promise<number> {
    const { reading } = this.#clients
    for (;;) {
      const { meta, changed } = await readMeta(reading, this.keys, this.#readAt.changes)
      if (meta.due > 0) {
        await this.applyDue()
        continue
      }
      const generation = meta.generation ?? ""
      if (meta.gone !== this.#readAt.gone || generation !== this.#readAt.generation) {
        this.#rows = new Map()
        this.#readAt = { changes: 0, gone: meta.gone, generation }
        if (meta.changes > 0) continue
      }
      const wanted = changed.filter((key) => this.keys.read(key).kind === "c")
      const held = await readHeld(reading, this.keys, wanted)
      for (const key of wanted) {
        const fields = held.get(key)
        if (fields === undefined || Buffer.isBuffer(fields)) this.#rows.delete(key)
        else this.#rows.set(key, cellsOf(this.#experiment, this.keys.read(key).names, fields).map(rowOf))
      }
      this.#readAt = { ...this.#readAt, changes: meta.changes }
      return meta.version
    }
  }

  async groups(): Promise<GroupStatistics> {
    const { meta, changed } = await readMeta(this.#clients.reading, this.keys, 0)
    if (meta.due > 0) await this.applyDue()
    const wanted = changed.filter((key) => this.keys.read(key).kind !== "c")
    const held = await readHeld(this.#clients.reading, this.keys, wanted)
    return {
      rows: [...held].flatMap(([key, fields]) => {
        return Buffer.isBuffer(fields) ? [] : groupRowsOf(this.keys.read(key).names, fields)
      }),
      sketches: [...held].flatMap(([key, registers]) => {
        return Buffer.isBuffer(registers) ? [sketchOf(this.keys.read(key).names, registers)] : []
      }),
    }
  }

  async keep(resolution: Resolution): Promise<void> {
    await this.#clients.folding.hset(this.keys.meta, "resolution", JSON.stringify(resolution))
    this.#steps = widthSteps(resolution)
  }

  async position(log: LogId): Promise<LogPosition | undefined> {
    const text = await this.#clients.folding.hget(this.keys.logs, log)
    return text === null ? undefined : parsePosition(text)
  }

  async contents(): Promise<CounterContents> {
    await this.applyDue()
    return await readContents(this.#clients.reading, this.#experiment, this.keys)
  }

  /** Forgets everything but the rise of its version. */
  async reset(): Promise<void> {
    const { meta, logs, changed, hours, expiry, due } = this.keys
    const { folding } = this.#clients
    const [known, divided] = await Promise.all([folding.zrange(changed, "0", "-1"), folding.hgetall(hours)])
    const step = folding.multi()
    for (const [hour, buckets] of Object.entries(divided)) {
      if (hour.startsWith("n:")) continue
      for (let bucket = 0; bucket < Number(buckets); bucket++) step.unlink(this.keys.credits(hour, bucket))
    }
    for (const key of [...known, logs, changed, hours, expiry, due]) step.unlink(key)
    step.hincrby(meta, "version", 1)
    step.hincrby(meta, "gone", 1)
    step.hdel(meta, "purged")
    resultsOf(await step.exec())
    this.#buckets = new Map()
  }

  /** Puts contents where nothing is counted, in one step. */
  async restore({ positions, cells, groups, sketches }: CounterContents, nowSeconds: number): Promise<void> {
    const { keys } = this
    const { folding } = this.#clients
    const hashes = new Map<string, Map<string, bigint>>()
    const add = (key: string, field: string, sum: bigint): void => {
      if (sum === 0n) return
      const fields = entryOf(hashes, key, () => new Map<string, bigint>())
      fields.set(field, (fields.get(field) ?? 0n) + sum)
    }
    for (const cell of cells) {
      const key = keys.counters(cell, cell.bucket)
      const bucket = bucketField(cell.bucket, widthIndex(cell.widthSeconds))
      for (const [index, sum] of [BigInt(cell.count), cell.sum, cell.sumSq].entries()) {
        add(key, counterField(bucket, cell.metric, index), sum)
      }
    }
    for (const row of groups) {
      const key = keys.groups(row, { start: row.hour, width: row.widthSeconds })
      const sums = [BigInt(row.count), row.sum, row.sumSq, row.weighted, row.allocated]
      for (const [index, sum] of sums.entries()) add(key, String(row.group * GROUP_SUMS + index), sum)
    }
    const step = folding.multi()
    step.hsetnx(keys.meta, "generation", newGeneration())
    for (const count of ["changes", "version", "gone"]) step.hincrby(keys.meta, count, 1)
    const changes = Number((await folding.hget(keys.meta, "changes")) ?? 0) + 1
    const touched = (key: string) => step.zadd(keys.changed, String(changes), key)
    for (const [key, fields] of hashes) {
      for (const [field, sum] of fields) {
        for (const [aside, piece] of [...pieces(sum)].entries()) {
          step.hset(key, aside === 0 ? field : `${field}+${aside}`, String(piece))
        }
      }
      touched(key)
    }
    for (const { sketch, ...place } of sketches) {
      const key = keys.sketch(place, daySpanAt(place.day, nowSeconds))
      step.set(key, Buffer.from(sketch))
      touched(key)
    }
    for (const { log, position } of positions) step.hset(keys.logs, log, `${positionText(position)}\n0\n`)
    resultsOf(await step.exec())
  }

  /** How the counters are laid out, with the hours of these credits. */
  async #layout(hours: readonly string[], nowSeconds: number): Promise<Layout> {
    this.#steps ??= widthSteps(await this.#readResolution())
    await this.#knowHours(hours)
    const bucketsOf = (hour: string) => this.#buckets.get(hour) ?? this.#newBuckets
    return { keys: this.keys, steps: this.#steps, nowSeconds, bucketsOf }
  }

  async #readResolution(): Promise<Resolution | undefined> {
    const text = await this.#clients.folding.hget(this.keys.meta, "resolution")
    if (text === null) return undefined
    const { memorySeconds, forgottenAfterSeconds, maturationSeconds } = JSON.parse(text) as Resolution
    return { memorySeconds, forgottenAfterSeconds, maturationSeconds }
  }

  /** Reads how hours are divided of which that isn't known. */
  async #knowHours(hours: readonly string[]): Promise<void> {
    if (hours.every((hour) => this.#buckets.has(hour))) return
    const known = Object.entries(await this.#clients.folding.hgetall(this.keys.hours))
    const counts = known.flatMap(([name, count]) => (name.startsWith("n:") ? [Number(count)] : []))
    if (counts.length > 0) {
      const wanted = Math.ceil(Math.max(...counts) / CREDITS_A_BUCKET)
      this.#newBuckets = Math.min(MOST_BUCKETS, Math.max(LEAST_BUCKETS, wanted))
    }
    this.#buckets = new Map(
      known.flatMap(([name, buckets]) => (name.startsWith("n:") ? [] : [[name, Number(buckets)]])),
    )
  }

  /** Learns what a script refused by. @throws GatewayError `store_unavailable` where it can't be asked again at once */
  async #learn(status: unknown, detail: unknown): Promise<void> {
    if (status === "buckets") {
      this.#buckets = new Map()
      return
    }
    if (status === "generation" && this.#generation === undefined && detail !== "") {
      this.#generation = String(detail)
      return
    }
    const why = status === "generation" ? "are others than they were" : "are being restored"
    throw new GatewayError("store_unavailable", { detail: `[redis] the counters of ${this.#experiment} ${why}` })
  }

  #moving(): GatewayError {
    return new GatewayError("store_unavailable", {
      detail: `[redis] the counters of ${this.#experiment} keep changing`,
    })
  }
}

function newGeneration(): string {
  return randomBytes(12).toString("base64url")
}

function hourOfCredit({ metric, decidedAt }: Pick<CreditKey, "metric" | "decidedAt">): string {
  return creditHour(metric, Date.parse(decidedAt))
}

function hoursOf(postbacks: readonly Pick<CreditKey, "metric" | "decidedAt">[]): string[] {
  return [...new Set(postbacks.map(hourOfCredit))]
}

function rowOf({ sum, sumSq, ...cell }: ReturnType<typeof cellsOf>[number]): CounterRow {
  return { ...cell, sum: Number(sum), sumSq: Number(sumSq) }
}
