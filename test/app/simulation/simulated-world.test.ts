import { describe, expect, it } from "vitest"
import { largestReward, World } from "#src/app/simulation/simulated-world.ts"
import { alike, type Scenario, scenarioSchema } from "#src/app/simulation/simulation-scenario.ts"
import { replicateStreams } from "#src/cli/replicate-streams.ts"
import { scenarioOf } from "./simulate-playing.ts"

const DECISIONS = 200_000

/** What decisions for one variant earned in time, one after the other. */
function earned(given: Partial<Scenario>, chosen: number) {
  const scenario = scenarioOf({ T: DECISIONS, ...given })
  const world = new World(scenario, replicateStreams("world")(0))
  const window = scenario.attributionWindow ?? scenario.delay
  const rewards: number[] = []
  const units: (number | undefined)[] = []
  let failures = 0
  for (let decision = 0; decision < DECISIONS; decision++) {
    world.advance(decision)
    units.push(world.unitOf(decision))
    const { failed, reward, delay } = world.answer(decision, chosen)
    if (failed) failures += 1
    rewards.push(delay <= window ? reward : 0)
  }
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / DECISIONS
  const squares = rewards.reduce((sum, reward) => sum + (reward - mean) ** 2, 0)
  return { world, rewards, units, mean, failures, error: Math.sqrt(squares) / DECISIONS }
}

describe("given what a decision is expected to earn", () => {
  it.each<[string, Partial<Scenario>, number]>([
    ["its rate", { segments: [[0, [0.1, 0.3]]] }, 1],
    ["only what comes in time", { segments: [[0, [0.1, 0.3]]], meanDelay: [1, 50], attributionWindow: 60 }, 1],
    ["what it is worth", { segments: [[0, [0.1, 0.3]]], rewards: { value: [10, 5], spread: 0.7 } }, 1],
    ["the fallback's where it fails", { segments: [[0, [0.1, 0.3]]], failures: [0, 0.4] }, 1],
    ["nothing where both fail", { segments: [[0, [0.1, 0.3]]], failures: [0.2, 0.4] }, 1],
    ["nothing where the fallback fails", { segments: [[0, [0.1, 0.3]]], failures: [0.2, 0.4] }, 0],
    ["its rate over units of all kinds", { segments: [[0, [0.1, 0.3]]], units: { visits: 2, correlation: 0.5 } }, 1],
  ])("is %s", (_, given, chosen) => {
    const { world, mean, error } = earned(given, chosen)
    expect(Math.abs(mean - (world.worth[chosen] ?? Number.NaN))).toBeLessThan(4 * error)
    expect(world.best).toBe(Math.max(...world.worth.map((worth) => worth ?? 0)))
  })

  it("fails as often as said", () => {
    const { failures } = earned({ failures: 0.25 }, 1)
    expect(failures / DECISIONS).toBeCloseTo(0.25, 2)
  })

  it("never earns more than the experiment's bounds allow, with a mean that the cut hardly lowers", () => {
    const given = { segments: [[0, [1]]] as const, rewards: { value: 3, spread: 1 } }
    const { rewards, mean, error } = earned(given, 0)
    expect(rewards.reduce((most, reward) => Math.max(most, reward), 0)).toBeLessThanOrEqual(
      largestReward(scenarioOf(given)),
    )
    expect(Math.abs(mean - 3)).toBeLessThan(4 * error)
  })
})

it("correlates the rewards of one unit as said, and those of others not at all", () => {
  const rate = 0.2
  const correlation = 0.5
  const { rewards, units } = earned({ segments: [[0, [rate]]], units: { visits: 10, correlation } }, 0)
  const sums = new Map<number, number>()
  for (const [decision, unit = -1] of units.entries()) sums.set(unit, (sums.get(unit) ?? 0) + (rewards[decision] ?? 0))
  expect(sums.size).toBe(DECISIONS / 10)
  const variance = [...sums.values()].reduce((sum, earnedBy) => sum + (earnedBy - 10 * rate) ** 2, 0) / sums.size
  // Of a sum of m exchangeable rewards: m r (1 - r) (1 + (m - 1) ρ).
  expect(variance / (10 * rate * (1 - rate) * (1 + 9 * correlation))).toBeCloseTo(1, 1)
  const pairs = Array.from({ length: DECISIONS / 2 }, (_, i) => [rewards[2 * i] ?? 0, rewards[2 * i + 1] ?? 0] as const)
  const covariance = pairs.reduce((sum, [a, b]) => sum + (a - rate) * (b - rate), 0) / pairs.length
  expect(Math.abs(covariance)).toBeLessThan(4 * ((rate * (1 - rate)) / Math.sqrt(pairs.length)))
})

it("makes variants alike by their means, and lets none fail", () => {
  const scenario = scenarioSchema.parse({
    id: "x",
    T: 10,
    segments: [
      [0, [0.1, 0.3, null]],
      [5, [0.1, 0.3, 0.2]],
    ],
    meanDelay: [10, 20, 30],
    attributionWindow: 50,
    failures: [0, 0.5, 0],
    rewards: { value: [1, 2, 3] },
  })
  expect(alike(scenario)).toEqual({
    ...scenario,
    segments: [
      [0, [0.2, 0.2, null]],
      [5, [expect.closeTo(0.2, 12), expect.closeTo(0.2, 12), expect.closeTo(0.2, 12)]],
    ],
    meanDelay: 20,
    failures: undefined,
    rewards: { value: 2, spread: 0 },
  })
})
