import { readFileSync } from "node:fs"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  CLIPPED_SNIPS,
  clusteredErrorOf,
  ESTIMATORS,
  type Estimator,
  GAIN,
  LOGGED,
  normalInterval,
  standardErrorOf,
  valueOf,
} from "#src/domain/evaluation/estimators.ts"
import { OutcomeModel } from "#src/domain/evaluation/outcome-model.ts"
import { diagnose } from "#src/domain/evaluation/verdict.ts"
import { TUNING, type Tuning, type WeightedRow, WeightedSums } from "#src/domain/evaluation/weighted-sums.ts"
import { OBD_ITEMS, type ObdRow, obdReference, obdRows } from "./obd-log.ts"

/** How many places the reference is rounded to. */
const EXACT = 1e-12

/** The sums of a log whose outcome model is fitted on all of it, as the reference has it. */
function sumsOf(rows: readonly ObdRow[], target: Target, tuning: Tuning): WeightedSums {
  const model = new OutcomeModel(OBD_ITEMS)
  for (const { item, position, click } of rows) model.add(item, position, click)
  const modelled = [0, 1, 2].map((position) =>
    Array.from({ length: OBD_ITEMS }, (_, item) => target(item, position) * model.predict(item, position)).reduce(
      (sum, part) => sum + part,
    ),
  )
  const sums = new WeightedSums(tuning)
  for (const [index, { item, position, click, logged }] of rows.entries()) {
    const row = {
      weight: target(item, position) / logged,
      reward: click,
      predicted: model.predict(item, position),
      modelled: modelled[position] as number,
      unsupported: 0,
    }
    sums.add(row, index % 4096)
  }
  return sums
}

type Target = (item: number, position: number) => number

const even: Target = () => 1 / OBD_ITEMS

/** The other policy's probabilities, as the log tells them. */
function targetOf(rows: readonly ObdRow[]): Target {
  const known = new Map(rows.map(({ item, position, target }) => [`${item}/${position}`, target]))
  return (item, position) => known.get(`${item}/${position}`) ?? 0
}

const random = obdRows("men_random")
const bts = obdRows("men_bts")
const reference = obdReference()

describe.each([
  ["Thompson sampling from an even split", random, targetOf(random), reference.bts_from_random.exact],
  ["an even split from Thompson sampling", bts, even, reference.random_from_bts.uniform],
  ["an even split from itself", random, even, reference.random_from_random_selfcheck.uniform],
])("given %s on the Open Bandit Dataset", (_, rows, target, expected) => {
  const at = (tuning: Partial<Tuning>) => sumsOf(rows, target, { ...TUNING, ...tuning })
  const sums = at({})

  it.each(["ips", "snips", "dm", "dr", "sndr"] as const)("estimates %s as Open Bandit Pipeline does", (name) => {
    expect(Math.abs(valueOf(ESTIMATORS[name], sums.sums) - expected[name])).toBeLessThan(EXACT)
  })

  it.each([
    ["switch-dr", "switch_dr", (at: number): Partial<Tuning> => ({ switchAt: at }), [1, 5, 10]],
    ["dros", "dros", (at: number): Partial<Tuning> => ({ shrinkage: at }), [1, 10, 100]],
    ["clipped", "clipped_ips", (at: number): Partial<Tuning> => ({ clipAt: at }), [1, 2, 5, 10]],
  ] as const)("estimates %s at every parameter of the reference", (name, key, tuning, parameters) => {
    for (const parameter of parameters) {
      const value = valueOf(ESTIMATORS[name], at(tuning(parameter)).sums)
      expect(Math.abs(value - expected[`${key}_${parameter}`])).toBeLessThan(EXACT)
    }
  })

  it("normalises clipped weights by their own sum", () => {
    for (const clipAt of [5, 10])
      expect(Math.abs(valueOf(CLIPPED_SNIPS, at({ clipAt }).sums) - expected[`clipped_snips_${clipAt}`])).toBeLessThan(
        EXACT,
      )
  })

  it("has the standard errors and normal intervals of the reference", () => {
    const close = (estimator: Estimator, error: number, interval?: readonly [number, number]): void => {
      const found = standardErrorOf(estimator, sums)
      expect(Math.abs(found - error)).toBeLessThan(EXACT)
      const [low, high] = normalInterval(valueOf(estimator, sums.sums), found)
      if (interval === undefined) return
      expect(Math.abs(low - interval[0])).toBeLessThan(EXACT)
      expect(Math.abs(high - interval[1])).toBeLessThan(EXACT)
    }
    close(ESTIMATORS.ips, expected.ips_stderr, expected.ips_normal_ci95)
    close(ESTIMATORS.snips, expected.snips_delta_stderr, expected.snips_normal_ci95)
    close(ESTIMATORS.dr, expected.dr_stderr, expected.dr_normal_ci95)
  })

  it("has the weights of the reference", () => {
    const { effectiveSampleSize, maxWeight, meanWeight } = diagnose(sums)
    const { weights } = expected
    for (const [found, wanted] of [
      [effectiveSampleSize, weights.ess],
      [maxWeight, weights.max],
      [meanWeight, weights.mean],
      [sums.sum("weight"), weights.sum],
    ])
      expect(Math.abs(found / wanted - 1)).toBeLessThan(1e-9)
  })
})

it("says of the log itself what it earned", () => {
  const { value, ci95 } = reference.on_policy_bts
  const sums = sumsOf(bts, even, TUNING)
  expect(valueOf(LOGGED, sums.sums)).toBeCloseTo(value, 12)
  const [low, high] = normalInterval(value, standardErrorOf(LOGGED, sums))
  // The reference divides by n where a sample's variance divides by n - 1.
  expect(Math.abs(low - ci95.normal[0])).toBeLessThan(1e-7)
  expect(Math.abs(high - ci95.normal[1])).toBeLessThan(1e-7)
})

it("agrees with the example of six rows that can be checked by hand", () => {
  const { ope_tiny: tiny } = JSON.parse(
    readFileSync(new URL("../../fixtures/policies/known_answers.json", import.meta.url), "utf8"),
  )
  const sums = new WeightedSums({ switchAt: 1, shrinkage: 1, clipAt: 1 })
  const modelled = tiny.target.reduce((sum: number, p: number, arm: number) => sum + p * tiny.q_hat[arm], 0)
  for (const [index, arm] of tiny.action.entries())
    sums.add(
      {
        weight: tiny.target[arm] / tiny.pscore[index],
        reward: tiny.reward[index],
        predicted: tiny.q_hat[arm],
        modelled,
        unsupported: 0,
      },
      index,
    )
  const value = (estimator: Estimator): number => valueOf(estimator, sums.sums)
  expect(value(ESTIMATORS.ips)).toBeCloseTo(tiny.ips, 10)
  expect(value(ESTIMATORS.snips)).toBeCloseTo(tiny.snips, 10)
  expect(value(ESTIMATORS.dm)).toBeCloseTo(tiny.dm, 10)
  expect(value(ESTIMATORS.dr)).toBeCloseTo(tiny.dr, 10)
  expect(value(ESTIMATORS.sndr)).toBeCloseTo(tiny.sndr, 10)
  expect(value(ESTIMATORS["switch-dr"])).toBeCloseTo(tiny.switch_dr_tau1, 10)
  expect(value(ESTIMATORS.dros)).toBeCloseTo(tiny.dros_lambda1, 10)
  expect(value(ESTIMATORS.clipped)).toBeCloseTo(tiny.clipped_ips_1, 10)
  expect(standardErrorOf(ESTIMATORS.snips, sums)).toBeCloseTo(tiny.snips_delta_se, 10)
  expect(standardErrorOf(ESTIMATORS.ips, sums) * Math.sqrt(6)).toBeCloseTo(tiny.ips_sd_ddof1, 10)
  expect(diagnose(sums).effectiveSampleSize).toBeCloseTo(tiny.ess, 10)
})

const row = fc.record({
  weight: fc.double({ min: 0, max: 50, noNaN: true }),
  reward: fc.double({ min: -5, max: 5, noNaN: true }),
  predicted: fc.double({ min: -5, max: 5, noNaN: true }),
  modelled: fc.double({ min: -5, max: 5, noNaN: true }),
  unsupported: fc.constant(0),
})

function added(rows: readonly WeightedRow[], bucketOf: (index: number) => number = (index) => index): WeightedSums {
  const sums = new WeightedSums()
  for (const [index, each] of rows.entries()) sums.add(each, bucketOf(index))
  return sums
}

it("gives the mean reward for the logging policy itself, and no gain, whatever the rows", () => {
  fc.assert(
    fc.property(fc.array(row, { minLength: 2, maxLength: 50 }), (rows) => {
      const sums = added(rows.map((each) => ({ ...each, weight: 1, predicted: 0.3, modelled: 0.3 })))
      const mean = rows.reduce((sum, { reward }) => sum + reward, 0) / rows.length
      for (const name of ["ips", "snips", "dr", "sndr", "switch-dr", "clipped"] as const)
        expect(valueOf(ESTIMATORS[name], sums.sums)).toBeCloseTo(mean, 9)
      expect(valueOf(GAIN, sums.sums)).toBeCloseTo(0, 9)
      expect(diagnose(sums)).toMatchObject({ meanWeight: 1, meanWeightZ: 0, maxWeight: 1, clippedMass: 0 })
    }),
  )
})

it("has standard errors that are those of the rows' own terms", () => {
  fc.assert(
    fc.property(fc.array(row, { minLength: 2, maxLength: 40 }), (rows) => {
      const sums = added(rows)
      const terms = rows.map(({ weight, reward, predicted, modelled }) => modelled + weight * (reward - predicted))
      const mean = terms.reduce((sum, term) => sum + term, 0) / terms.length
      const variance = terms.reduce((sum, term) => sum + (term - mean) ** 2, 0) / (terms.length - 1)
      expect(standardErrorOf(ESTIMATORS.dr, sums)).toBeCloseTo(Math.sqrt(variance / terms.length), 6)
      // A bucket each: nothing depends on anything.
      expect(clusteredErrorOf(ESTIMATORS.dr, sums)).toBeCloseTo(Math.sqrt(variance / terms.length), 6)
    }),
  )
})

it("widens the error where rows of one unit say the same", () => {
  const rows = Array.from({ length: 400 }, (_, index) => {
    return { weight: 1, reward: Math.floor(index / 4) % 2, predicted: 0, modelled: 0, unsupported: 0 }
  })
  const apart = clusteredErrorOf(LOGGED, added(rows))
  const together = clusteredErrorOf(
    LOGGED,
    added(rows, (index) => Math.floor(index / 4)),
  )
  expect(together / apart).toBeGreaterThan(1.9)
})
