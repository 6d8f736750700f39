import { randomBytes } from "node:crypto"
import { type Resolution, type WidthStep, widthSteps } from "../../domain/bucket-widths.ts"
import { isCallMetric } from "../../domain/call-counters.ts"
import type { CounterContents } from "../../domain/counter-contents.ts"
import { GatewayError } from "../../domain/errors.ts"
import type { RewardEvent } from "../../domain/events.ts"
import type { LogId, LogPosition } from "../../domain/log-position.ts"
import { type CounterRow, isAsked, type Statistics, type StatisticsQuery, summarise } from "../../domain/statistics.ts"
import type { CreditKey, FoldAnswer, FoldBatch, GroupStatistics, RewardAnswer } from "../../ports/counter-store.ts"
import type { Logger } from "../../ports/logger.ts"
import type { RedisClient } from "./connection.ts"
import { CreditHours, hourOfCredit, hoursOf } from "./credit-hours.ts"
import {
  cellsOf,
  groupRowsOf,
  type MetaAndChanges,
  parsePosition,
  positionText,
  readContents,
  readHeld,
  readMeta,
  resultsOf,
  sketchOf,
} from "./experiment-reader.ts"
import { type Additions, type FoldPart, type Layout, planFold, planRewards } from "./fold-plan.ts"
import { Generation, PARTIAL_FOR_MS } from "./generation.ts"
import { ExperimentKeys, readCounterKey } from "./keys.ts"
import { creditPlace, packReward } from "./packed-reward.ts"
import { Script, type ScriptArgument } from "./script.ts"
import { purge, widen } from "./upkeep.ts"
import { writeContents } from "./write-contents.ts"

const FOLD = new Script("credits", "cells", "state", "fold")
const REMEMBER = new Script("credits", "state", "remember")
const SEEN = new Script("credits", "state", "seen")
const APPLY_DUE = new Script("cells", "state", "apply-due")

/** Keys that `remember` and `seen` name before those of credits. */
const REMEMBER_KEYS = 3
const SEEN_KEYS = 1

/** A little less than how often each gateway tries. */
const TIDY_EVERY_MS = 25_000

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
  readonly #hours: CreditHours
  readonly #logger: Logger
  readonly #generation = new Generation()
  #steps: readonly WidthStep[] | undefined
  /** Rows by key, as they were when the experiment had changed so often. */
  #rows = new Map<string, readonly CounterRow[]>()
  /** Whether this gateway has been through all counters since its start. */
  #tidied = false
  #readAt = { changes: 0, gone: 0, generation: "" }

  constructor(experiment: string, clients: RedisClients, logger: Logger) {
    this.#experiment = experiment
    this.#logger = logger
    this.keys = new ExperimentKeys(experiment)
    this.#clients = clients
    this.#hours = new CreditHours(clients.folding, this.keys)
  }

  async fold(batch: FoldBatch, nowSeconds: number): Promise<FoldAnswer> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const layout = await this.#layout(hoursOf(batch.rewards), nowSeconds)
      const answer = await this.#foldParts(batch, planFold(batch, layout))
      if (answer !== "again") return answer
    }
    throw this.#others("keep changing")
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
      this.#generation.mark ?? "",
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
      const values = [this.#generation.mark ?? "", text]
      const [status, detail] = await APPLY_DUE.run(this.#clients.folding, [meta, changed, due, ...keys], values)
      if (status !== "applied" && status !== "elsewhere") await this.#learn(status, detail)
    }
  }

  async seen(postbacks: readonly CreditKey[]): Promise<boolean[]> {
    await this.#hours.learn(hoursOf(postbacks))
    const credits: string[] = []
    const packed: Buffer[] = []
    const asked = postbacks.map((postback) => {
      const hour = hourOfCredit(postback)
      const buckets = this.#hours.known(hour)
      if (buckets === undefined) return false
      const place = creditPlace(postback.decisionId)
      credits.push(this.keys.credits(hour, place.spread % buckets))
      packed.push(packReward(postback, place, { credit: SEEN_KEYS + credits.length }))
      return true
    })
    if (packed.length === 0) return asked
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const values = [this.#generation.mark ?? "", ...packed]
      const [status, answers] = await SEEN.run(this.#clients.folding, [this.keys.meta, ...credits], values)
      if (status === "seen") {
        let next = 0
        return asked.map((known) => known && String(answers).charAt(next++) === "d")
      }
      await this.#learn(status, answers)
    }
    throw this.#others("keep changing")
  }

  async remember(rewards: readonly RewardEvent[], nowSeconds: number): Promise<void> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const layout = await this.#layout(hoursOf(rewards), nowSeconds)
      if (await this.#rememberParts(planRewards(rewards, layout, REMEMBER_KEYS))) return
    }
    throw this.#others("keep changing")
  }

  async #rememberParts(parts: ReturnType<typeof planRewards>): Promise<boolean> {
    const { meta, hours, expiry } = this.keys
    for (const part of parts) {
      const values = [
        this.#generation.mark ?? "",
        newGeneration(),
        JSON.stringify({ hours: part.hours }),
        ...part.packed,
      ]
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
      const read = await this.#readMeta(this.#readAt.changes)
      const { meta, changed } = read
      await this.#refusePartial(read)
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
      const wanted = changed.filter((key) => this.keys.read(key).kind === "c" && !this.#isOfCalls(key))
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

  async #readMeta(since: number): Promise<MetaAndChanges> {
    const read = await readMeta(this.#clients.reading, this.keys, since)
    await this.#adopt(read.meta.generation)
    return read
  }

  /** Counters that were lost and are not folded again yet are not taken for the experiment's: it would begin anew without a word. */
  async #refusePartial({ positions, isPartial }: MetaAndChanges): Promise<void> {
    const wasLost = this.#generation.hasLost
    const missing = this.#generation.missing(positions)
    if (missing.length === 0 && !wasLost) {
      if (isPartial) throw this.#others("were lost and are folded again")
      return
    }
    if (missing.length > 0) {
      if (!this.#generation.hasWaited(performance.now())) {
        throw this.#others(`were lost and are folded again, not yet all of the logs ${missing.join(", ")}`)
      }
      this.#logger.error(
        { experiment: this.#experiment, logs: missing },
        "[redis] counters were lost, and what these logs had counted is missing: rebuild counts it",
      )
      this.#generation.forgetLoss(positions)
    }
    await this.#clients.folding.del(this.keys.partial)
    this.#logger.info({ experiment: this.#experiment }, "[redis] counters that were lost are folded again")
  }

  /** Takes other counters than before for the experiment's. */
  async #adopt(mark: string | undefined): Promise<void> {
    if (!this.#generation.adopt(mark, performance.now())) return
    this.#hours.forget()
    this.#steps = undefined
    this.#logger.error(
      { experiment: this.#experiment },
      "[redis] counters were lost: they are folded again from the logs",
    )
    await this.#clients.folding.set(this.keys.partial, "1", "PX", PARTIAL_FOR_MS, "NX")
  }

  async groups(): Promise<GroupStatistics> {
    const { meta, changed } = await this.#readMeta(0)
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

  async calls(): Promise<CounterRow[]> {
    const { meta, changed } = await this.#readMeta(0)
    if (meta.due > 0) await this.applyDue()
    const wanted = changed.filter((key) => this.#isOfCalls(key))
    const held = await readHeld(this.#clients.reading, this.keys, wanted)
    return [...held].flatMap(([key, fields]) => {
      return Buffer.isBuffer(fields) ? [] : cellsOf(this.#experiment, this.keys.read(key).names, fields).map(rowOf)
    })
  }

  #isOfCalls(key: string): boolean {
    const { kind, names } = this.keys.read(key)
    return kind === "c" && isCallMetric(readCounterKey(names).metric)
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

  /**
   * Keeps the counters small and forgets credits, where no other gateway has done it lately.
   *
   * @param forgettableTo epoch milliseconds up to which tokens may be forgotten
   */
  async tidyUp(nowSeconds: number, forgettableTo: number): Promise<void> {
    const { folding } = this.#clients
    const { generation } = (await this.#readMeta(0)).meta
    if (generation === undefined) return
    if ((await folding.set(this.keys.tidied, "1", "PX", TIDY_EVERY_MS, "NX")) !== "OK") return
    const { steps } = await this.#layout([], nowSeconds)
    const tidied = { client: folding, keys: this.keys, generation, steps }
    await widen(tidied, nowSeconds, !this.#tidied)
    await purge(tidied, Math.floor(forgettableTo / 1000))
    this.#tidied = true
  }

  /** Forgets everything but the rise of its version. */
  async reset(): Promise<void> {
    const { meta, logs, changed, hours, expiry, due } = this.keys
    const { folding } = this.#clients
    const [known, credits] = await Promise.all([folding.zrange(changed, "0", "-1"), this.#hours.allKeys()])
    const step = folding.multi()
    for (const key of [...credits, ...known, logs, changed, hours, expiry, due]) step.unlink(key)
    step.hincrby(meta, "version", 1)
    step.hincrby(meta, "gone", 1)
    // Without their mark other gateways take the counters for lost, and allocate nothing by them until their logs are folded again.
    step.hdel(meta, "purged", "generation")
    resultsOf(await step.exec())
    this.#hours.forget()
    this.#generation.forget()
  }

  /** Puts contents where nothing is counted, in one step. */
  async restore(contents: CounterContents, nowSeconds: number): Promise<void> {
    const { keys } = this
    const { folding } = this.#clients
    const change = Number((await folding.hget(keys.meta, "changes")) ?? 0) + 1
    const step = folding.multi()
    step.hsetnx(keys.meta, "generation", newGeneration())
    for (const count of ["changes", "version", "gone"]) step.hincrby(keys.meta, count, 1)
    writeContents(step, keys, contents, { change, nowSeconds })
    resultsOf(await step.exec())
  }

  /** How the counters are laid out, with the hours of these credits. */
  async #layout(hours: readonly string[], nowSeconds: number): Promise<Layout> {
    this.#steps ??= widthSteps(await this.#readResolution())
    await this.#hours.learn(hours)
    const bucketsOf = (hour: string) => this.#hours.bucketsOf(hour)
    return { keys: this.keys, steps: this.#steps, nowSeconds, bucketsOf }
  }

  async #readResolution(): Promise<Resolution | undefined> {
    const text = await this.#clients.folding.hget(this.keys.meta, "resolution")
    if (text === null) return undefined
    const { memorySeconds, forgottenAfterSeconds, maturationSeconds } = JSON.parse(text) as Resolution
    return { memorySeconds, forgottenAfterSeconds, maturationSeconds }
  }

  /** Learns what a script refused by. */
  async #learn(status: unknown, detail: unknown): Promise<void> {
    if (status === "buckets") this.#hours.forget()
    else if (status === "generation") await this.#adopt(detail === "" ? undefined : String(detail))
    else throw new TypeError(`[redis] a script answered ${String(status)}`)
  }

  #others(what: string): GatewayError {
    return new GatewayError("store_unavailable", { detail: `[redis] the counters of ${this.#experiment} ${what}` })
  }
}

function newGeneration(): string {
  return randomBytes(12).toString("base64url")
}

function rowOf({ sum, sumSq, ...cell }: ReturnType<typeof cellsOf>[number]): CounterRow {
  return { ...cell, sum: Number(sum), sumSq: Number(sumSq) }
}
