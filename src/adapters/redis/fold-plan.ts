import { bucketAt, daySpanAt, groupSpanAt, WIDTHS, type WidthStep } from "../../domain/bucket-widths.ts"
import { type CounterKey, NANOS, rewardCohort, secondOf } from "../../domain/counters.ts"
import { DELAY_BINS, delayBin, delayMetric } from "../../domain/delay-counters.ts"
import { entryOf } from "../../domain/entry-of.ts"
import type { RewardEvent } from "../../domain/events.ts"
import { hourOf } from "../../domain/group-rows.ts"
import type { FoldBatch } from "../../ports/counter-store.ts"
import { bucketField, COUNTER_SUMS, counterField, creditHour, type ExperimentKeys, GROUP_SUMS } from "./keys.ts"
import { type CreditPlace, creditPlace, packReward, type RewardTargets } from "./packed-reward.ts"

/** What one script may take, so that it keeps a server busy for less than 5 ms. More at once would hardly be faster (`npm run bench:redis`). */
const MOST_REWARDS = 300
const MOST_KEYS = 300
const MOST_CELLS = 3_000

/** What a dead token's credit is still remembered for: clocks differ, and lines are folded a little after they were written. */
const REMEMBERED_MS = 24 * 3_600_000

/** Additions are at most as large as a field may grow before it is put aside: `LARGEST` in `lua/cells.lua`. */
const LARGEST_ADDITION = 10n ** 18n

/** Keys that a script names before those of hours, counters and credits. */
const FOLD_KEYS = 6

/** Additions by keys, in the order in which `lua/cells.lua` makes them. Indexes count from 1. */
export interface Additions {
  readonly keys: readonly string[]
  /** Index of the key, field and delta, one after the other. */
  readonly cells: readonly (number | string)[]
  /** Index of the key, and registers with their ranks in hexadecimal, one after the other. */
  readonly sketches: readonly (number | string)[]
}

/** How an experiment's counters are laid out now. */
export interface Layout {
  readonly keys: ExperimentKeys
  readonly steps: readonly WidthStep[]
  readonly nowSeconds: number
  /** How many hashes the credits of an hour are divided into. */
  readonly bucketsOf: (hour: string) => number
}

/** Rewards of one script with the keys that it touches. */
export interface RewardPart {
  /** Hashes that rewards add to, after a script's own keys. */
  readonly chunks: readonly string[]
  readonly credits: readonly string[]
  /** Name, number of buckets, last death of a token (epoch seconds), first and last key of each hour. */
  readonly hours: readonly (readonly (string | number)[])[]
  readonly buckets: readonly string[]
  /** Of each window: milliseconds at which delay bins begin, without the first. */
  readonly bins: readonly (readonly number[])[]
  readonly packed: readonly Buffer[]
}

/** One script of a fold. */
export interface FoldPart extends RewardPart {
  readonly isLast: boolean
  /** Whether decisions changed a counter. */
  readonly counted: boolean
  readonly additions: Additions
  /** What else is to be added, once the position has moved. */
  readonly due: readonly Additions[]
}

const NO_ADDITIONS: Additions = { keys: [], cells: [], sketches: [] }

/** A batch as the scripts that fold it, in order. The same batch gives the same parts, so that their answers can be given again. */
export function planFold(batch: FoldBatch, layout: Layout): FoldPart[] {
  const [first = NO_ADDITIONS, ...due] = additionsOf(batch, layout)
  const parts = splitRewards(batch.rewards, layout)
  const last = parts.pop()
  const lastOf = (rewards: RewardPlan | undefined): FoldPart => {
    const plan = rewards ?? new RewardPlan(layout)
    const own = first.keys.map((key) => plan.chunk(key))
    const move = (list: Additions["cells"], stride: number) =>
      list.map((value, index) => (index % stride === 0 ? (own[Number(value) - 1] ?? 0) : value))
    const additions = { keys: first.keys, cells: move(first.cells, 3), sketches: move(first.sketches, 2) }
    return { ...plan.pack(FOLD_KEYS), isLast: true, counted: batch.counters.length > 0, additions, due }
  }
  const before = parts.map((plan): FoldPart => {
    return { ...plan.pack(FOLD_KEYS), isLast: false, counted: false, additions: NO_ADDITIONS, due: [] }
  })
  return [...before, lastOf(last)]
}

/** Rewards whose credits are to be remembered, as the scripts that do it. @param keysBefore how many keys the script has before these */
export function planRewards(rewards: readonly RewardEvent[], layout: Layout, keysBefore: number): RewardPart[] {
  const parts: RewardPart[] = []
  for (let from = 0; from < rewards.length; from += MOST_REWARDS) {
    const plan = new RewardPlan(layout)
    for (const reward of rewards.slice(from, from + MOST_REWARDS)) plan.addCredit(reward)
    parts.push(plan.pack(keysBefore))
  }
  return parts
}

function splitRewards(rewards: readonly RewardEvent[], layout: Layout): RewardPlan[] {
  const plans: RewardPlan[] = []
  let plan: RewardPlan | undefined
  for (const reward of rewards) {
    if (plan === undefined || plan.isFull) {
      plan = new RewardPlan(layout)
      plans.push(plan)
    }
    plan.add(reward)
  }
  return plans
}

interface PlannedReward {
  readonly event: RewardEvent
  readonly place: CreditPlace
  readonly hour: string
  readonly bucket: number
  readonly targets: Partial<RewardTargets>
}

interface PlannedHour {
  readonly buckets: number
  expires: number
  /** Hashes of credits that are touched, by bucket. */
  readonly touched: Map<number, number>
}

/** Gathers what one script is to be told of its rewards. */
class RewardPlan {
  readonly #layout: Layout
  readonly #chunks = new Map<string, number>()
  readonly #buckets = new Map<string, number>()
  readonly #windows = new Map<number, number>()
  readonly #hours = new Map<string, PlannedHour>()
  readonly #rewards: PlannedReward[] = []

  constructor(layout: Layout) {
    this.#layout = layout
  }

  get isFull(): boolean {
    return this.#rewards.length >= MOST_REWARDS || this.#chunks.size >= MOST_KEYS
  }

  /** The index of a key that is added to. */
  chunk(key: string): number {
    return indexIn(this.#chunks, key) + FOLD_KEYS
  }

  add(event: RewardEvent): void {
    this.#plan(event, this.#targets(event))
  }

  /** The same for a reward that adds nothing to counters. */
  addCredit(event: RewardEvent): void {
    this.#plan(event, {})
  }

  #plan(event: RewardEvent, targets: Partial<RewardTargets>): void {
    const place = creditPlace(event.decisionId)
    const name = creditHour(event.metric, Date.parse(event.decidedAt))
    const hour = entryOf(this.#hours, name, (): PlannedHour => {
      return { buckets: this.#layout.bucketsOf(name), expires: 0, touched: new Map() }
    })
    hour.expires = Math.max(hour.expires, Math.ceil((Date.parse(event.expiresAt) + REMEMBERED_MS) / 1000))
    const bucket = place.spread % hour.buckets
    hour.touched.set(bucket, 0)
    this.#rewards.push({ event, place, hour: name, bucket, targets })
  }

  #targets(event: RewardEvent): Partial<RewardTargets> {
    const cohort = rewardCohort(event)
    if (cohort === undefined) return {}
    const { keys, steps, nowSeconds } = this.#layout
    const { variant, series, metric, epoch, group, propensity, delayWindowSeconds: windowSeconds } = event
    const second = secondOf(event.decidedAt)
    const at = bucketAt(second, nowSeconds, steps)
    const name = { cohort, variant, series, metric }
    const targets = {
      counter: this.chunk(keys.counters(name, at.bucket)),
      bucket: indexIn(this.#buckets, bucketField(at.bucket, widthIndex(at.width))),
    }
    if (cohort !== "learned") return targets
    const row = keys.groups({ variant, series, metric, epoch }, groupSpanAt(hourOf(second), nowSeconds))
    const nanos = event.stickiness === "request" ? Math.round(propensity * NANOS) : 0
    const learned = { ...targets, groupRow: this.chunk(row), group, nanos }
    if (windowSeconds === undefined) return learned
    const delays = { ...name, metric: delayMetric({ metric, windowSeconds, bin: 0 }) }
    return {
      ...learned,
      delay: this.chunk(keys.counters(delays, at.bucket)),
      bins: indexIn(this.#windows, windowSeconds),
    }
  }

  /** @param keysBefore how many keys the script has before these */
  pack(keysBefore: number): RewardPart {
    const credits: string[] = []
    const hours = [...this.#hours].map(([name, { buckets, expires, touched }]) => {
      const first = keysBefore + this.#chunks.size + credits.length + 1
      for (const bucket of touched.keys()) {
        credits.push(this.#layout.keys.credits(name, bucket))
        touched.set(bucket, keysBefore + this.#chunks.size + credits.length)
      }
      return [name, buckets, expires, first, keysBefore + this.#chunks.size + credits.length] as const
    })
    const packed = this.#rewards.map(({ event, place, hour, bucket, targets }) => {
      const credit = this.#hours.get(hour)?.touched.get(bucket) ?? 0
      return packReward(event, place, { ...targets, credit })
    })
    const bins = Array.from(this.#windows.keys(), binStarts)
    return { chunks: [...this.#chunks.keys()], credits, hours, buckets: [...this.#buckets.keys()], bins, packed }
  }
}

/** The index of a name among those before it, from 1. */
export function indexIn<Name>(names: Map<Name, number>, name: Name): number {
  return entryOf(names, name, () => names.size + 1)
}

const knownStarts = new Map<number, readonly number[]>()

/** The least delay in milliseconds of each bin but the first. Found, not computed: logarithms of two languages may differ in their last digit. */
function binStarts(windowSeconds: number): readonly number[] {
  return entryOf(knownStarts, windowSeconds, () =>
    Array.from({ length: DELAY_BINS - 1 }, (_, index) => {
      let [below, start] = [0, Math.ceil(windowSeconds * 1000)]
      while (start - below > 1) {
        const middle = Math.floor((below + start) / 2)
        if (delayBin(middle / 1000, windowSeconds) > index) start = middle
        else below = middle
      }
      return start
    }),
  )
}

export function widthIndex(width: number): number {
  return WIDTHS.findIndex((candidate) => candidate === width)
}

/** What decisions add, as much at a time as one script may. */
function additionsOf(batch: FoldBatch, { keys, steps, nowSeconds }: Layout): Additions[] {
  const sums = new Map<string, Map<string, bigint>>()
  const add = (key: string, field: string, delta: number): void => {
    if (delta === 0) return
    const fields = entryOf(sums, key, () => new Map<string, bigint>())
    fields.set(field, (fields.get(field) ?? 0n) + BigInt(delta))
  }
  for (const { key, delta } of batch.counters) {
    const { bucket, width } = bucketAt(key.bucket, nowSeconds, steps)
    addCounter(keys.counters(key, bucket), key, bucketField(bucket, widthIndex(width)), delta, add)
  }
  for (const { key, delta } of batch.groups) {
    const name = keys.groups(key, groupSpanAt(key.hour, nowSeconds))
    const { count, sum, sumSq, weighted, allocated } = delta
    for (const [index, value] of [count, sum, sumSq, weighted, allocated].entries()) {
      add(name, String(key.group * GROUP_SUMS + index), value)
    }
  }
  const sketches = batch.sketches.map(({ variant, series, day, sketch }) => {
    return { key: keys.sketch({ variant, series }, daySpanAt(day, nowSeconds)), pairs: registerPairs(sketch) }
  })
  return divide(sums, sketches)
}

function addCounter(
  name: string,
  { metric }: CounterKey,
  bucket: string,
  { count, sum, sumSq }: { readonly count: number; readonly sum: number; readonly sumSq: number },
  add: (key: string, field: string, delta: number) => void,
): void {
  const values = [count, sum, sumSq]
  for (let index = 0; index < COUNTER_SUMS; index++) {
    add(name, counterField(bucket, metric, index), values[index] ?? 0)
  }
}

function divide(
  sums: ReadonlyMap<string, ReadonlyMap<string, bigint>>,
  sketches: readonly { readonly key: string; readonly pairs: string }[],
): Additions[] {
  const divided: Additions[] = []
  let keys = new Map<string, number>()
  let now = { cells: [] as (number | string)[], sketches: [] as (number | string)[] }
  const close = (): void => {
    if (keys.size > 0) divided.push({ keys: [...keys.keys()], ...now })
    keys = new Map()
    now = { cells: [], sketches: [] }
  }
  for (const [key, fields] of sums) {
    for (const [field, sum] of fields) {
      for (const piece of pieces(sum)) {
        now.cells.push(indexIn(keys, key), field, String(piece))
        if (now.cells.length >= 3 * MOST_CELLS || keys.size > MOST_KEYS) close()
      }
    }
  }
  for (const { key, pairs } of sketches) {
    now.sketches.push(indexIn(keys, key), pairs)
    if (keys.size > MOST_KEYS) close()
  }
  close()
  return divided
}

/** A sum in as many additions as it takes. */
export function* pieces(sum: bigint): Generator<bigint, void, undefined> {
  for (let left = sum; left !== 0n; ) {
    const piece = left > LARGEST_ADDITION ? LARGEST_ADDITION : left < -LARGEST_ADDITION ? -LARGEST_ADDITION : left
    left -= piece
    yield piece
  }
}

/** Registers that aren't empty: two bytes of number and one of rank for each, in hexadecimal. */
function registerPairs(sketch: Uint8Array): string {
  const bytes: number[] = []
  for (const [register, rank] of sketch.entries()) if (rank > 0) bytes.push(register >> 8, register & 0xff, rank)
  return Buffer.from(bytes).toString("hex")
}
