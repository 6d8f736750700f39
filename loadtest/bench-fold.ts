/**
 * What counters cost: the time of one fold of 2,400 decisions and 64 unit groups for 2, 10 and 64 variants, on the thread that answers
 * requests and on the database's, and the bytes of what is kept; then rewards folded and credits purged a second. Prints figures; asserts
 * none. Times are processor time.
 *
 *   npm run bench:fold
 */
import { createHmac, randomFillSync } from "node:crypto"
import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Counters } from "#src/adapters/sqlite/counters.ts"
import { packBatch } from "#src/adapters/sqlite/packed-batch.ts"
import { openDatabase } from "#src/adapters/sqlite/schema.ts"
import { readGroups } from "#src/adapters/sqlite/stored-groups.ts"
import { Tables } from "#src/adapters/sqlite/tables.ts"
import { tidyUp } from "#src/adapters/sqlite/upkeep.ts"
import {
  type AllocationFacts,
  allocatedAdditions,
  type ChoiceFacts,
  type CounterAddition,
  counterAdditions,
  type GroupAddition,
  groupAdditions,
} from "#src/domain/decision-facts.ts"
import { createDecisionIds } from "#src/domain/decision-id.ts"
import type { RewardEvent } from "#src/domain/events.ts"
import { hourOf } from "#src/domain/group-rows.ts"
import type { LogPosition } from "#src/domain/log-position.ts"
import { addUnit, emptySketch } from "#src/domain/unit-sketch.ts"
import type { FoldBatch, SketchAddition } from "#src/ports/counter-store.ts"

const DECISIONS_A_BATCH = 2_400
const GROUPS = 64
const FOLDS = 300
const REWARDS_A_BATCH = 2_000

const START = Date.UTC(2026, 10, 20, 12)
const clock = { at: START, now: () => clock.at, monotonicMs: () => clock.at - START }

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Processor time of this thread, which other work on the machine doesn't lengthen. */
function processorMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

function milliseconds(value: number): string {
  return `${value.toFixed(1)} ms`
}

/** A store in a folder of its own, in this thread: what is measured is SQLite's work, not the way to it. */
function opened() {
  const folder = mkdtempSync(join(tmpdir(), "bench-fold-"))
  const path = join(folder, "gateway.db")
  const database = openDatabase(path, false)
  const tables = new Tables(database, clock)
  let end: LogPosition | undefined
  return {
    database,
    tables,
    counters: new Counters(tables),
    /** A batch that follows on the last. */
    next(batch: Pick<FoldBatch, "counters" | "groups" | "sketches" | "rewards">): FoldBatch {
      const from = end
      end = { file: 1, offset: (from?.offset ?? 0) + 1, hash: "" }
      return { experiment: "banner-ctr", log: "L1", from, end, ...batch }
    },
    bytes(): number {
      database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
      return statSync(path).size
    },
    close(): void {
      database.close()
      rmSync(folder, { recursive: true })
    },
  }
}

/** Decisions of one second as a gateway counts them before it folds: by choice and group. */
function decisionsOf(variants: number, batch: number): Pick<FoldBatch, "counters" | "groups" | "sketches" | "rewards"> {
  const nanos = Math.floor(1e9 / variants)
  const ids = Array.from({ length: variants }, (_, index) => `variant-${index}`)
  const allocation: AllocationFacts = {
    experiment: "banner-ctr",
    epoch: 1,
    variants: ids.map((variant) => ({ variant, series: 1, nanos })),
  }
  const choices = ids.map((variant): ChoiceFacts => {
    return { cohort: "learned", variant, series: 1, propensityNanos: nanos, weighted: true, allocation }
  })
  const second = Math.floor(clock.at / 1000)
  const hour = hourOf(second)
  const chosen = new Map<string, number>()
  const inGroup = new Map<number, number>()
  const sketches = ids.map((variant): SketchAddition => {
    return { variant, series: 1, day: second - (second % 86_400), sketch: emptySketch() }
  })
  for (let index = 0; index < DECISIONS_A_BATCH; index++) {
    const pseudonym = createHmac("sha256", "key").update(`${batch} ${index}`).digest()
    const variant = pseudonym.readUInt32LE(0) % variants
    const group = pseudonym.readUInt32LE(4) % GROUPS
    chosen.set(`${variant} ${group}`, (chosen.get(`${variant} ${group}`) ?? 0) + 1)
    inGroup.set(group, (inGroup.get(group) ?? 0) + 1)
    const { sketch } = sketches[variant] as SketchAddition
    addUnit(sketch, pseudonym.toString("base64url"))
  }
  const counters: CounterAddition[] = choices.flatMap((choice) =>
    counterAdditions(choice, second, { count: Math.round(DECISIONS_A_BATCH / variants), failed: 0 }),
  )
  const groups: GroupAddition[] = [...chosen].flatMap(([name, count]) => {
    const [variant = 0, group = 0] = name.split(" ").map(Number)
    return groupAdditions(choices[variant] as ChoiceFacts, hour, group, { count, failed: 0 })
  })
  for (const [group, count] of inGroup) groups.push(...allocatedAdditions(allocation, hour, group, count))
  return { counters, groups, sketches, rewards: [] }
}

const nextDecisionId = createDecisionIds((target) => randomFillSync(target))

function rewardsOf(batch: number, variants: number): RewardEvent[] {
  return Array.from({ length: REWARDS_A_BATCH }, (_, index): RewardEvent => {
    const decisionId = nextDecisionId(clock.at)
    const decidedAt = new Date(clock.at - (index % 600) * 1000).toISOString()
    return {
      v: 1,
      type: "reward",
      eventId: `r-${decisionId}`,
      at: new Date(clock.at).toISOString(),
      experiment: "banner-ctr" as RewardEvent["experiment"],
      revision: 1,
      series: 1,
      epoch: 1,
      decisionId,
      group: (batch + index) % GROUPS,
      stickiness: "request",
      variant: `variant-${index % variants}` as RewardEvent["variant"],
      propensity: 1 / variants,
      decidedAt,
      metric: "click",
      value: 1,
      bound: 1,
      status: "applied",
      aggregation: "first",
      learn: true,
      holdout: false,
      expiresAt: new Date(clock.at + 7_200_000).toISOString(),
    }
  })
}

function benchDecisions(variants: number): void {
  clock.at = START
  const store = opened()
  const packing: number[] = []
  const folding: number[] = []
  let additions = 0
  for (let index = 0; index < FOLDS; index++) {
    clock.at += 1_000
    const batch = store.next(decisionsOf(variants, index))
    additions = batch.groups.length
    const began = processorMs()
    const packed = packBatch(batch)
    const sent = processorMs()
    const received = structuredClone(packed)
    const handed = processorMs()
    store.counters.fold(received)
    folding.push(processorMs() - handed)
    packing.push(sent - began)
  }
  const [oneHour = 0, kept = 0] = ["sum(length(cells))", "count(*)"].map((column) =>
    Number(store.database.prepare(`SELECT ${column} AS value FROM group_rows`).get()?.["value"]),
  )
  const began = processorMs()
  const { rows, sketches } = readGroups(structuredClone(store.counters.groups("banner-ctr")))
  const read = processorMs() - began
  const hours = (oneHour * 14 * 24) / 1e6
  console.log(
    `${variants} variants: ${additions} group additions a fold; packed in ${milliseconds(mean(packing))} on the request thread, ` +
      `folded in ${milliseconds(mean(folding))} (slowest ${milliseconds(Math.max(...folding))}) on the database's; ` +
      `group rows of an hour ${(oneHour / 1e3).toFixed(1)} kB in ${kept} rows (${hours.toFixed(1)} MB in 14 days), ` +
      `sketches of a day ${(sketches.length * 1.024).toFixed(1)} kB; read as ${rows.length} rows in ${milliseconds(read)}`,
  )
  store.close()
}

function benchRewards(variants: number): void {
  clock.at = START
  const store = opened()
  const batches = 50
  let spent = 0
  for (let index = 0; index < batches; index++) {
    clock.at += 1_000
    const batch = store.next({ counters: [], groups: [], sketches: [], rewards: rewardsOf(index, variants) })
    const began = processorMs()
    store.counters.fold(packBatch(batch))
    spent += processorMs() - began
  }
  const credits = batches * REWARDS_A_BATCH
  const bytes = store.bytes() / credits
  const row = Number(store.database.prepare("SELECT avg(length(cells)) AS bytes FROM group_rows").get()?.["bytes"])
  console.log(
    `${variants} variants: ${Math.round(credits / (spent / 1000))} rewards folded a second in batches of ${REWARDS_A_BATCH}; ` +
      `${Math.round(bytes)} bytes a credit, ${Math.round(row)} a metric's group row of a variant and hour`,
  )
  clock.at += 30 * 3_600_000
  store.counters.alive("L1", clock.at)
  const waits: number[] = []
  const began = processorMs()
  let last = began
  for (const _ of tidyUp(store.tables)) {
    const now = processorMs()
    waits.push(now - last)
    last = now
  }
  const took = (processorMs() - began) / 1000
  const left = Number(store.database.prepare("SELECT count(*) AS rows FROM credits").get()?.["rows"])
  console.log(
    `upkeep: ${Math.round((credits - left) / took)} credits purged a second, ${left} left; ` +
      `the longest step, which a fold may have to wait for, took ${milliseconds(Math.max(...waits))}`,
  )
  store.close()
}

for (const variants of [2, 10, 64]) benchDecisions(variants)
for (const variants of [2, 64]) benchRewards(variants)
