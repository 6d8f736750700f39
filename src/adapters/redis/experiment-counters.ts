import { type Resolution, type WidthStep, widthSteps } from "../../domain/bucket-widths.ts"
import type { CounterContents } from "../../domain/counter-contents.ts"
import { GatewayError } from "../../domain/errors.ts"
import type { RewardEvent } from "../../domain/events.ts"
import type { LogId, LogPosition } from "../../domain/log-position.ts"
import { type CounterRow, isAsked, type Statistics, type StatisticsQuery, summarise } from "../../domain/statistics.ts"
import type { CreditKey, FoldAnswer, FoldBatch, GroupStatistics, RewardAnswer } from "../../ports/counter-store.ts"
import type { Logger } from "../../ports/logger.ts"
import type { Loss } from "../../ports/shared-counters.ts"
import type { RedisClient } from "./connection.ts"
import { KnownRows, readCalls, refreshRows } from "./counted-rows.ts"
import { CreditHours, hourOfCredit, hoursOf } from "./credit-hours.ts"
import { parsePosition, positionText, readContents, readGroups, readResolution, UNREAD } from "./experiment-reader.ts"
import { type Additions, type FoldPart, type Layout, planFold, planRewards } from "./fold-plan.ts"
import { EXPERIMENTS, ExperimentKeys } from "./keys.ts"
import { type LossWaits, newMark } from "./losses.ts"
import { MetCounters } from "./met-counters.ts"
import { type Packed, PackedCounters } from "./packed-counters.ts"
import { creditPlace, packReward } from "./packed-reward.ts"
import { resetCounters } from "./reset.ts"
import { Script, type ScriptArgument } from "./script.ts"
import { purge, widen } from "./upkeep.ts"
import { WholeReads } from "./whole-reads.ts"

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
  readonly #waits: LossWaits
  readonly #met: MetCounters
  readonly #packed: PackedCounters
  readonly #reads: WholeReads
  readonly #logger: Logger
  readonly #counted = new KnownRows()
  #steps: readonly WidthStep[] | undefined
  #resolution: Resolution | undefined
  /** Whether this gateway has been through all counters since its start. */
  #tidied = false

  constructor(experiment: string, clients: RedisClients, waits: LossWaits, logger: Logger) {
    this.#experiment = experiment
    this.#clients = clients
    this.#waits = waits
    this.#logger = logger
    const keys = new ExperimentKeys(experiment)
    this.keys = keys
    this.#hours = new CreditHours(clients.folding, keys)
    this.#packed = new PackedCounters(experiment, keys)
    this.#met = new MetCounters({
      experiment,
      keys,
      client: clients.folding,
      waits,
      logger,
      areOthers: () => this.#beginAnew(),
    })
    this.#reads = new WholeReads(clients.reading, keys, this.#met, () => this.applyDue())
  }

  /** The mark of the counters that are folded into, empty before any were met. */
  get mark(): string {
    return this.#met.mark
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
      const [status, detail, dropped] = await this.#foldPart(batch, part, answers.length)
      if (status === "elsewhere") {
        const position = parsePosition(String(detail))
        await this.#met.foundLogAt(batch.log, position)
        return { status, position }
      }
      if (status !== "folded") {
        await this.#learn(status)
        return "again"
      }
      if (Number(dropped) > 0) this.#reportDropped(batch.log, Number(dropped))
      for (const letter of String(detail)) answers.push(letter === "d" ? "duplicate" : "applied")
    }
    this.#met.saw([[batch.log, batch.end]])
    if (parts.some(({ due }) => due.length > 0)) await this.applyDue()
    return { status: "folded", answers }
  }

  #reportDropped(log: LogId, rewards: number): void {
    this.#logger.error(
      { experiment: this.#experiment, log, rewards },
      "[redis] rewards aren't counted that came after their credits were forgotten: nobody can tell whether they are repeated. Rebuild counts them",
    )
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
    const [mark, fresh] = [this.#met.mark, newMark()]
    const values: ScriptArgument[] = [
      mark,
      fresh,
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
    const answer = await FOLD.run(this.#clients.folding, keys, values)
    // Nobody had made them: what takes their place from now on is a loss.
    if (mark === "" && (answer[0] === "folded" || answer[0] === "elsewhere")) await this.#met.adopt(fresh)
    return answer
  }

  /** Makes what is due, whoever left it. */
  async applyDue(): Promise<void> {
    const { meta, changed, due } = this.keys
    for (;;) {
      const text = await this.#clients.folding.lindex(due, 0)
      if (text === null) return
      const { keys } = JSON.parse(text) as Additions
      const values = [this.#met.mark, text]
      const [status] = await APPLY_DUE.run(this.#clients.folding, [meta, changed, due, ...keys], values)
      if (status !== "applied" && status !== "elsewhere") await this.#learn(status)
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
      const values = [this.#met.mark, ...packed]
      const [status, answers] = await SEEN.run(this.#clients.folding, [this.keys.meta, ...credits], values)
      if (status === "seen") {
        let next = 0
        return asked.map((known) => known && String(answers).charAt(next++) === "d")
      }
      await this.#learn(status)
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
        this.#met.mark,
        newMark(),
        JSON.stringify({ hours: part.hours }),
        this.#waits.creditsMs,
        ...part.packed,
      ]
      const keys = [meta, hours, expiry, ...part.credits]
      const [status] = await REMEMBER.run(this.#clients.folding, keys, values)
      if (status === "remembered") continue
      await this.#learn(status)
      return false
    }
    return true
  }

  async statistics(query: StatisticsQuery): Promise<Statistics> {
    const ask = () => this.#counted.ask()
    const { taken, version, partial } = await this.#reads.read(ask, async (known, read) => {
      const counted = await refreshRows(this.#clients.reading, this.#experiment, this.keys, known, read)
      if (counted === undefined) this.#counted.forget()
      else this.#counted.know(counted, known)
      return counted
    })
    const rows = [...taken.rows.values()].flat().filter(({ metric }) => isAsked(metric, query))
    return { stateVersion: version, ...(partial.length === 0 ? {} : { partial }), ...summarise(rows, query) }
  }

  /** The counters are others than before: what was known of them holds no longer, and they know nothing of what was told those. */
  async #beginAnew(): Promise<void> {
    this.#hours.forget()
    this.#counted.forget()
    this.#packed.forget()
    this.#steps = undefined
    // A server that was emptied has forgotten it: whoever starts now learns of the loss by it.
    await this.#clients.folding.sadd(EXPERIMENTS, this.#experiment)
    if (this.#resolution !== undefined) await this.keep(this.#resolution)
  }

  /** Learns from a checkpoint what the counters were, where none were met since the start. */
  know(mark: string, positions: Iterable<readonly [LogId, LogPosition]>): void {
    this.#met.know(mark, positions)
  }

  /** What the counters lack; undefined where they are whole. */
  async loss(): Promise<Loss | undefined> {
    const read = await this.#reads.meta()
    return read.isLost ? await this.#met.loss(read) : undefined
  }

  async restoreLost(mark: string, contents: CounterContents, nowSeconds: number): Promise<boolean> {
    return await this.#met.replace(this.#clients.reading, mark, contents, { isRestoring: true, nowSeconds })
  }

  async settle(log: LogId, upTo: LogPosition): Promise<void> {
    await this.#met.settle(log, upTo)
  }

  /** As lines of a checkpoint. */
  async pack(): Promise<Packed> {
    await this.applyDue()
    return await this.#packed.readWhole(this.#clients.reading, this.#met)
  }

  async groups(): Promise<GroupStatistics> {
    return await this.#readAll((changed) => readGroups(this.#clients.reading, this.keys, changed))
  }

  async calls(): Promise<CounterRow[]> {
    return await this.#readAll((changed) => readCalls(this.#clients.reading, this.#experiment, this.keys, changed))
  }

  async #readAll<T>(take: (changed: readonly string[]) => Promise<T>): Promise<T> {
    const { taken } = await this.#reads.read(
      () => UNREAD,
      (_, { changed }) => take(changed),
    )
    return taken
  }

  async keep(resolution: Resolution): Promise<void> {
    this.#resolution = resolution
    await this.#clients.folding.hset(this.keys.meta, "resolution", JSON.stringify(resolution))
    this.#steps = widthSteps(resolution)
  }

  /** Every start asks that first: it meets the counters by it, and knows from then on when they are lost. */
  async position(log: LogId): Promise<LogPosition | undefined> {
    const { positions } = await this.#reads.meta()
    return positions.get(log)
  }

  async contents(): Promise<CounterContents> {
    await this.applyDue()
    return await readContents(this.#clients.reading, this.#experiment, this.keys)
  }

  /**
   * Keeps the counters small and forgets credits, where no other gateway has done it lately.
   *
   * @param forgettableTo up to when (epoch milliseconds) tokens may be forgotten, where counters lack something of some logs
   */
  async tidyUp(nowSeconds: number, forgettableTo: (lacking: readonly LogId[]) => Promise<number>): Promise<void> {
    this.#counted.forgetUnasked(nowSeconds)
    const { folding } = this.#clients
    const { meta, isLost } = await this.#reads.meta()
    const { generation } = meta
    if (generation === undefined) return
    if ((await folding.set(this.keys.tidied, "1", "PX", TIDY_EVERY_MS, "NX")) !== "OK") return
    const { steps } = await this.#layout([], nowSeconds)
    const tidied = { client: folding, keys: this.keys, generation, steps }
    await widen(tidied, nowSeconds, !this.#tidied)
    const lacking = isLost ? (await this.#met.lack()).logs : []
    await purge(tidied, Math.floor((await forgettableTo(lacking)) / 1000))
    this.#tidied = true
  }

  /** Forgets everything but the rise of its version. */
  async reset(): Promise<void> {
    await resetCounters(this.#clients.folding, this.keys)
    this.#hours.forget()
    this.#met.forget()
  }

  /** Puts contents in place of what is counted. */
  async restore(contents: CounterContents, nowSeconds: number): Promise<void> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const mark = await this.#clients.folding.hget(this.keys.meta, "generation")
      const replacing = { isRestoring: false, nowSeconds }
      if (await this.#met.replace(this.#clients.reading, mark ?? "", contents, replacing)) return
    }
    throw this.#others("keep changing")
  }

  /** How the counters are laid out, with the hours of these credits. */
  async #layout(hours: readonly string[], nowSeconds: number): Promise<Layout> {
    const steps = await this.#knownSteps()
    await this.#hours.learn(hours)
    const bucketsOf = (hour: string) => this.#hours.bucketsOf(hour)
    return { keys: this.keys, steps, nowSeconds, bucketsOf }
  }

  /** Where nobody has said yet how fine counters have to stay, somebody is about to: it is asked for again. */
  async #knownSteps(): Promise<readonly WidthStep[]> {
    if (this.#steps !== undefined) return this.#steps
    const resolution = await readResolution(this.#clients.folding, this.keys)
    const steps = widthSteps(resolution)
    if (resolution !== undefined) this.#steps = steps
    return steps
  }

  /** Learns what a script refused by. */
  async #learn(status: unknown): Promise<void> {
    if (status === "buckets") this.#hours.forget()
    // With where logs stand: whoever knows nothing of that can't tell later what was lost.
    else if (status === "generation") await this.#reads.meta()
    else if (status === "closed") throw this.#others("were lost and are restored: nothing is folded until then")
    else throw new TypeError(`[redis] a script answered ${String(status)}`)
  }

  #others(what: string): GatewayError {
    return new GatewayError("store_unavailable", { detail: `[redis] the counters of ${this.#experiment} ${what}` })
  }
}
