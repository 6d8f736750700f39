import { CALL_KINDS, CALL_SECONDS } from "../domain/call-counters.ts"
import {
  type AllocationFacts,
  allocatedAdditions,
  type ChoiceFacts,
  callAddition,
  counterAdditions,
  type DecisionFacts,
  groupAdditions,
} from "../domain/decision-facts.ts"
import { entryOf } from "../domain/entry-of.ts"
import type { RewardEvent } from "../domain/events.ts"
import { hourOf } from "../domain/group-rows.ts"
import type { LogId, LogPosition } from "../domain/log-position.ts"
import { UNIT_GROUPS } from "../domain/unit.ts"
import { addUnit, emptySketch } from "../domain/unit-sketch.ts"
import type { FoldBatch, SketchAddition } from "../ports/counter-store.ts"
import type { LogEntry } from "./log-entry.ts"

/** More keys than this are merged into hours: what waits while a store is down stays small. */
const MAX_SECONDS = 100_000
const HOUR_SECONDS = 3_600
const DAY_SECONDS = 86_400

interface Count {
  count: number
  failed: number
}

/** What one experiment's log entries, not folded yet, will add: decisions as counts, rewards one by one. */
export class PendingFold {
  readonly #experiment: string
  #seconds = new Map<ChoiceFacts, Map<number, Count>>()
  #calls = new Map<ChoiceFacts, Map<number, Count>>()
  #groups = new Map<ChoiceFacts, Map<number, Count>>()
  #allocated = new Map<AllocationFacts, Map<number, Count>>()
  #sketches = new Map<string, SketchAddition>()
  #rewards: RewardEvent[] = []
  #size = 0

  constructor(experiment: string) {
    this.#experiment = experiment
  }

  /** How many rewards wait. */
  get rewards(): number {
    return this.#rewards.length
  }

  get isEmpty(): boolean {
    return this.#rewards.length === 0 && this.#seconds.size === 0
  }

  /** Takes an entry of this experiment, in log order. */
  add(entry: LogEntry): void {
    if (entry.kind === "reward") this.#rewards.push(entry.event)
    else if (entry.kind === "decision" && entry.facts.choice !== undefined) this.#count(entry.facts.choice, entry.facts)
  }

  /** Everything so far as one batch, and nothing is left. */
  take(log: LogId, from: LogPosition | undefined, end: LogPosition): FoldBatch {
    const counters = each(this.#seconds, (choice, second, counted) => counterAdditions(choice, second, counted))
    const calls = each(this.#calls, (choice, place, { count }) => [
      callAddition(choice, Math.floor(place / CALL_KINDS) * CALL_SECONDS, place % CALL_KINDS, count),
    ])
    const chosen = each(this.#groups, (choice, place, counted) =>
      groupAdditions(choice, hourAt(place), place % UNIT_GROUPS, counted),
    )
    const allocated = each(this.#allocated, (allocation, place, { count }) =>
      allocatedAdditions(allocation, hourAt(place), place % UNIT_GROUPS, count),
    )
    const batch = {
      experiment: this.#experiment,
      log,
      from,
      end,
      counters: [...counters, ...calls],
      groups: [...chosen, ...allocated],
      sketches: [...this.#sketches.values()],
      rewards: this.#rewards,
    }
    this.#seconds = new Map()
    this.#calls = new Map()
    this.#groups = new Map()
    this.#allocated = new Map()
    this.#sketches = new Map()
    this.#rewards = []
    this.#size = 0
    return batch
  }

  #count(choice: ChoiceFacts, { second, group, unit, failed, call }: DecisionFacts): void {
    if (countAt(this.#seconds, choice, second, failed)) this.#size += 1
    if (call !== undefined && countAt(this.#calls, choice, callPlace(second, call), false)) this.#size += 1
    if (this.#size > MAX_SECONDS) this.#coarsen()
    if (choice.cohort !== "learned") return
    const place = (hourOf(second) / HOUR_SECONDS) * UNIT_GROUPS + group
    countAt(this.#groups, choice, place, failed)
    countAt(this.#allocated, choice.allocation, place, failed)
    addUnit(this.#sketch(choice, second - (second % DAY_SECONDS)), unit)
  }

  #sketch({ variant, series }: ChoiceFacts, day: number): Uint8Array {
    const name = `${variant}\n${series}\n${day}`
    let addition = this.#sketches.get(name)
    if (addition === undefined) {
      addition = { variant, series, day, sketch: emptySketch() }
      this.#sketches.set(name, addition)
    }
    return addition.sketch
  }

  #coarsen(): void {
    this.#seconds = coarser(this.#seconds, hourOf)
    this.#calls = coarser(this.#calls, (place) => {
      return callPlace(hourOf(Math.floor(place / CALL_KINDS) * CALL_SECONDS), place % CALL_KINDS)
    })
    this.#size = sizeOf(this.#seconds) + sizeOf(this.#calls)
  }
}

type Counts<Key> = Map<Key, Map<number, Count>>

function coarser<Key>(fine: Counts<Key>, coarsePlace: (place: number) => number): Counts<Key> {
  const coarse: Counts<Key> = new Map()
  for (const [key, places] of fine) {
    const merged = new Map<number, Count>()
    for (const [place, { count, failed }] of places) {
      const counted = entryOf(merged, coarsePlace(place), () => ({ count: 0, failed: 0 }))
      counted.count += count
      counted.failed += failed
    }
    coarse.set(key, merged)
  }
  return coarse
}

function sizeOf(counts: Counts<unknown>): number {
  return counts.values().reduce((sum, places) => sum + places.size, 0)
}

/** A minute and the kind of a call in one number. */
function callPlace(second: number, kind: number): number {
  return Math.floor(second / CALL_SECONDS) * CALL_KINDS + kind
}

/** An hour and a unit group in one number. */
function hourAt(place: number): number {
  return Math.floor(place / UNIT_GROUPS) * HOUR_SECONDS
}

/** @returns whether the place is new */
function countAt<Key>(counts: Counts<Key>, key: Key, place: number, failed: boolean): boolean {
  let places = counts.get(key)
  if (places === undefined) {
    places = new Map()
    counts.set(key, places)
  }
  const counted = places.get(place)
  if (counted === undefined) {
    places.set(place, { count: 1, failed: failed ? 1 : 0 })
    return true
  }
  counted.count += 1
  if (failed) counted.failed += 1
  return false
}

function each<Key, Addition>(
  counts: ReadonlyMap<Key, ReadonlyMap<number, Count>>,
  additions: (key: Key, place: number, counted: Count) => readonly Addition[],
): Addition[] {
  const all: Addition[] = []
  for (const [key, places] of counts) {
    for (const [place, counted] of places) all.push(...additions(key, place, counted))
  }
  return all
}
