import seedrandom from "seedrandom"
import { describe, expect, it } from "vitest"
import { allocateFrom } from "#src/app/reallocate.ts"
import { decide } from "#src/domain/decide.ts"
import { experimentOf } from "#test/domain/snapshot-of.ts"

const RUNS = 200
const RATE = 0.2
/** Of two rewards of one unit: some units click, others don't. */
const CORRELATION = 0.5
const REALLOCATE_EVERY = 100
const VARIANTS = ["a", "b"] as const

interface Traffic {
  readonly units: number
  readonly visits: number
  readonly stickiness: "unit" | "request"
}

/** Relative errors of one run's estimate of what both variants earn, weighting rewards by 1 / propensity. */
interface Errors {
  /** Over all rows of the log. */
  readonly rows: number
  /** Over each unit's first row alone. */
  readonly firstExposures: number
}

/**
 * Thompson sampling between two equal variants, learning from clicks, over units that come back in random order.
 *
 * A row's click is replaced by its unit's own rate in the estimate, which has the same mean and less noise; the policy learns from the clicks.
 */
function play({ units, visits, stickiness }: Traffic, seed: string): Errors {
  const random = seedrandom.alea(seed)
  const experiment = experimentOf({ stickiness, policy: { kind: "thompson", minPropensity: 0.05 } })
  const base = { experiment, revision: 1, keyId: "k1" }
  const spread = Math.sqrt(CORRELATION)
  const rates = Array.from({ length: units }, () =>
    random() < RATE ? RATE + (1 - RATE) * spread : RATE - RATE * spread,
  )
  const arms = VARIANTS.map(() => ({ n: 0, sum: 0 }))
  const seen = new Set<number>()
  const error = { rows: 0, firstExposures: 0 }
  let snapshot = allocateFrom(base, 0, [])
  for (const [t, unit] of shuffledVisits(units, visits, random).entries()) {
    const unitId = `${seed}-unit-${unit}`
    const choice = decide(snapshot, { decisionId: `${seed}-${t}`, unitId, context: undefined, forcedIndex: undefined })
    const rate = rates[unit] ?? 0
    const arm = arms[choice.index] ?? { n: 0, sum: 0 }
    arm.n += 1
    arm.sum += random() < rate ? 1 : 0
    // Summed over the variants, 1{chosen} / propensity has the expectation 2 where the propensity is what it is taken for.
    const off = rate * (1 / choice.propensity - VARIANTS.length)
    error.rows += off
    if (!seen.has(unit)) error.firstExposures += off
    seen.add(unit)
    if (t % REALLOCATE_EVERY === REALLOCATE_EVERY - 1) snapshot = allocateFrom(base, t, statisticsOf(arms))
  }
  const truth = VARIANTS.length * RATE
  return { rows: error.rows / (units * visits) / truth, firstExposures: error.firstExposures / units / truth }
}

function statisticsOf(arms: readonly { readonly n: number; readonly sum: number }[]) {
  return VARIANTS.map((variant, i) => {
    const { n, sum } = arms[i] ?? { n: 0, sum: 0 }
    const totals = { decisions: n, rewards: sum, sum, sumSq: sum }
    return { variant, n, pending: 0, lifetime: n, sum, sumSq: sum, totals, excluded: 0 }
  })
}

function shuffledVisits(units: number, visits: number, random: () => number): number[] {
  const order = Array.from({ length: units * visits }, (_, i) => i % units)
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const [a = 0, b = 0] = [order[i], order[j]]
    order[i] = b
    order[j] = a
  }
  return order
}

/** Mean and standard error of one estimate over all runs. */
function biasOf(traffic: Traffic) {
  const runs = Array.from({ length: RUNS }, (_, run) => play(traffic, `sticky-${run}`))
  const summary = (values: readonly number[]) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / RUNS
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (RUNS - 1)
    return { mean, error: Math.sqrt(variance / RUNS) }
  }
  return {
    rows: summary(runs.map(({ rows }) => rows)),
    firstExposures: summary(runs.map(({ firstExposures }) => firstExposures)),
  }
}

describe("given units that keep their variant, under an adaptive policy", () => {
  it.each([
    [1000, 10, -0.021],
    [100, 100, -0.11],
  ])("rows of %i units with %i visits each estimate too little, first exposures the truth", (units, visits, known) => {
    const { rows, firstExposures } = biasOf({ units, visits, stickiness: "unit" })
    expect(rows.mean).toBeLessThan(-4 * rows.error)
    expect(Math.abs(rows.mean - known)).toBeLessThan(4 * rows.error)
    expect(Math.abs(firstExposures.mean)).toBeLessThan(4 * firstExposures.error)
  })
})

it("estimates the truth from every row where each request is drawn anew", () => {
  const { rows, firstExposures } = biasOf({ units: 1000, visits: 10, stickiness: "request" })
  expect(Math.abs(rows.mean)).toBeLessThan(4 * rows.error)
  expect(rows.error).toBeLessThan(0.005)
  expect(Math.abs(firstExposures.mean)).toBeLessThan(4 * firstExposures.error)
})
