import { describe, expect, it } from "vitest"
import { findPolicy, POLICY_KINDS } from "#policies/registry.ts"
import type { SimulationResult } from "#src/app/simulation/simulate.ts"
import { SimulatedGateway } from "#src/app/simulation/simulated-gateway.ts"
import type { Scenario } from "#src/app/simulation/simulation-scenario.ts"
import { replicateStreams } from "#src/cli/replicate-streams.ts"
import { experimentOf, finish, type PlaySettings, playing, scenarioOf } from "./simulate-playing.ts"

/** Defects that a gateway may have, or a policy in it: each has a world here in which the table shows it. */
function play(given: Partial<Scenario>, policy: object, settings: PlaySettings): SimulationResult {
  return finish(playing(given, policy, settings)).result
}

/** Whether one regret is larger than another by more than chance. */
function isLarger(one: SimulationResult, other: SimulationResult): boolean {
  const error = Math.hypot(one.regret.standardError, other.regret.standardError)
  return one.regret.mean > other.regret.mean + 3 * error
}

describe("given a variant that joins while outcomes wait for their window", () => {
  const world: Partial<Scenario> = {
    T: 6000,
    batch: 200,
    delay: 1000,
    segments: [
      [0, [0.05, 0.06, null]],
      [4000, [0.05, 0.06, 0.05]],
    ],
    checkpoints: [4000, 5000],
  }
  const shareOfNewcomer = (policy: object): number => {
    const { shareCurve } = play(world, policy, { replicates: 10 })
    const just = shareCurve.filter(({ t }) => t > 4000 && t <= 5000)
    return just.reduce((sum, { shareByVariant }) => sum + (shareByVariant[2] ?? 0), 0) / just.length
  }

  it("gets nearly all traffic from Thompson sampling, which knows nothing bad of it", () => {
    expect(shareOfNewcomer({ kind: "thompson" })).toBeGreaterThan(0.9)
  })

  it("holds its share of newcomers in a burn-in", () => {
    const share = shareOfNewcomer({ kind: "thompson", burnInDecisions: 1000, newcomerShare: 0.2 })
    expect(share).toBeCloseTo(0.2, 1)
    expect(share).toBeLessThan(0.22)
  })
})

it("serves variants only while they are there, and counts on where one comes back", () => {
  const scenario = scenarioOf({
    T: 60,
    segments: [
      [0, [0.5, 0.5]],
      [20, [0.5, null]],
      [40, [0.5, 0.5]],
    ],
    checkpoints: [20, 40, 60],
  })
  const settings = { replicates: 20 }
  const { shareCurve } = play(scenario, { kind: "static" }, settings)
  const during = shareCurve.filter(({ t }) => t > 20 && t <= 40)
  expect(during.every(({ shareByVariant }) => shareByVariant[1] === 0)).toBe(true)
  expect(shareCurve.filter(({ t }) => t > 40).some(({ shareByVariant }) => (shareByVariant[1] ?? 0) > 0.3)).toBe(true)
  const gateway = new SimulatedGateway(experimentOf(scenario, { policy: { kind: "static" } }), scenario, "x")
  for (let decision = 0; decision < 60; decision++) {
    if (decision % 10 === 0) gateway.beginBatch(decision)
    if (decision % 20 === 0) gateway.serveOnly(decision, [true, decision !== 20])
    gateway.record(decision, decision, gateway.decide(decision, undefined), { failed: false, reward: 0, delay: 0 })
  }
  gateway.beginBatch(60)
  const [, back] = gateway.statistics
  expect(back?.lifetime).toBeLessThan(back?.n ?? 0)
  expect(back?.lifetime).toBeGreaterThan(0)
})

describe("given index policies under a delay", () => {
  const counting = POLICY_KINDS.filter((kind) => kind.includes("ucb") && findPolicy(kind).countsPending?.({}) === true)
  const world: Partial<Scenario> = { T: 20_000, batch: 500, delay: 4000, segments: [[0, [0.1, 0.2, 0.1]]] }

  it.each(counting.filter((kind) => kind !== "ucb1"))(
    "%s spreads open decisions, and learns from the first outcomes",
    (kind) => {
      const { shareCurve } = play(world, { kind }, { replicates: 2 })
      const open = shareCurve.filter(({ t }) => t <= 4000)
      for (const { shareByVariant } of open) expect(Math.max(...shareByVariant)).toBeLessThan(0.5)
      expect(shareCurve.at(-1)?.shareByVariant[1]).toBeGreaterThan(0.6)
    },
  )
})

describe("given a variant that doesn't answer half of its requests", () => {
  // When it answers, it earns most; with the control in its place half of the time, it earns less than the third.
  const world: Partial<Scenario> = {
    T: 20_000,
    batch: 200,
    segments: [[0, [0.05, 0.3, 0.25]]],
    failures: [0, 0.5, 0],
  }

  it("has the failures in its regret, whatever the policy learns from", () => {
    const { regret } = play(world, { kind: "canary", challenger: "1", share: 1 }, { replicates: 1 })
    expect(regret.mean).toBeCloseTo(20_000 * (0.25 - (0.5 * 0.3 + 0.5 * 0.05)), 6)
  })

  it("is left for another where failures count, and kept where they are excluded", () => {
    const [count, exclude] = ["count", "exclude"].map((failures) =>
      play(world, { kind: "thompson" }, { failures, replicates: 5 }),
    )
    expect(count?.shareByVariant[2]).toBeGreaterThan(0.9)
    expect(exclude?.shareByVariant[1]).toBeGreaterThan(0.9)
  })
})

describe("given units that come back", () => {
  const scenario = scenarioOf({ T: 5000, segments: [[0, [0.1, 0.1]]], units: { visits: 5, correlation: 0.5 } })

  it("gives each one variant under stickiness unit, and draws every request under request", () => {
    const variantsOf = (stickiness: string) => {
      const gateway = new SimulatedGateway(
        experimentOf(scenario, { policy: { kind: "static" }, stickiness }),
        scenario,
        "x",
      )
      const seen = Array.from({ length: 1000 }, () => new Set<number>())
      for (let decision = 0; decision < 5000; decision++) {
        seen[decision % 1000]?.add(gateway.decide(decision, decision % 1000).index)
      }
      return seen.filter(({ size }) => size === 1).length
    }
    expect(variantsOf("unit")).toBe(1000)
    // 2 / 2^5 of them get the same five times.
    expect(variantsOf("request")).toBeLessThan(100)
  })

  it("finds more false winners among them than among decisions of their own", () => {
    const alikeWorld: Partial<Scenario> = { T: 4000, batch: 200, segments: [[0, [0.2, 0.2]]] }
    const settings = { aa: true, replicates: 60 }
    const own = play(alikeWorld, { kind: "static" }, settings).falseWinners
    const units = { visits: 40, correlation: 0.5 }
    const returning = play({ ...alikeWorld, units }, { kind: "static" }, settings).falseWinners
    expect((returning?.mean ?? 0) - (own?.mean ?? 0)).toBeGreaterThan(0.15)
  })
})

describe("given a best variant whose clicks come late", () => {
  const world: Partial<Scenario> = {
    T: 10_000,
    batch: 200,
    segments: [[0, [0.05, 0.06, 0.1]]],
    meanDelay: [50, 50, 1000],
    attributionWindow: 2000,
  }

  it("loses more under maturation none than under expected, since it looks bad while its clicks are under way", () => {
    const [none, expected] = ["none", "expected"].map((maturation) =>
      play(world, { kind: "thompson" }, { maturation, replicates: 30 }),
    )
    expect(isLarger(none as SimulationResult, expected as SimulationResult)).toBe(true)
  })

  it("is judged by what came in time under none, and by all of it under window", () => {
    const meanOf = (maturation: string): number => {
      const scenario = scenarioOf({ ...world, segments: [[0, [1, 1, 1]]] })
      const gateway = new SimulatedGateway(
        experimentOf(scenario, { policy: { kind: "static" }, maturation }),
        scenario,
        "x",
      )
      const random = replicateStreams("late")(0)
      for (let decision = 0; decision <= 4000; decision++) {
        if (decision % 200 === 0) gateway.beginBatch(decision)
        const choice = gateway.decide(decision, undefined)
        const delay = -Math.log(1 - random()) * (choice.index === 2 ? 1000 : 50)
        gateway.record(decision, decision, choice, { failed: false, reward: 1, delay })
      }
      const { n = 1, sum = 0 } = gateway.statistics.find(({ variant }) => variant === "2") ?? {}
      return sum / n
    }
    // Of decisions aged 0 to 4,000 evenly, 1 - e^(-age / 1000) have come, of those past the window 1 - e^-2.
    expect(meanOf("window")).toBeCloseTo(1 - Math.exp(-2), 1)
    expect(meanOf("none")).toBeLessThan(0.72)
  })
})

describe("given rewards that are revenue", () => {
  const world: Partial<Scenario> = {
    T: 10_000,
    batch: 500,
    segments: [[0, [0.1, 0.1]]],
    rewards: { value: [10, 14], spread: 0.5 },
  }

  it("loses value, not clicks", () => {
    const { regret } = play(world, { kind: "canary", challenger: "0", share: 1 }, { replicates: 1 })
    expect(regret.mean).toBeCloseTo(10_000 * 0.1 * 4, 6)
    expect(experimentOf(scenarioOf(world), { policy: { kind: "static" } }).reward).toMatchObject({ kind: "value" })
  })

  it("shows runs that lock in where the prior knows nothing of the scale", () => {
    const orders: Partial<Scenario> = {
      T: 4000,
      batch: 20,
      segments: [[0, [0.1, 0.1]]],
      rewards: { value: [50, 80], spread: 0.5 },
    }
    const prior = { mean: 0, kappa: 1, alpha: 1, beta: 1 }
    const worseAtTheEnd = [{ prior }, {}].map((given) => {
      const { shareCurve } = play(orders, { kind: "thompson-gaussian", ...given }, { replicates: 50 })
      return shareCurve.at(-1)?.shareByVariant[0]
    })
    // In a fifth of the runs the better variant earned nothing in its first decisions, and is never tried again.
    expect(worseAtTheEnd[0]).toBeGreaterThan(0.1)
    expect(worseAtTheEnd[1]).toBeLessThan(0.05)
  })

  it("is for policies of any reward only", () => {
    expect(() => playing(world, { kind: "thompson" })).toThrow("needs rewards between 0 and 1")
  })
})

describe("given an A/A test of two variants with 190 looks", () => {
  const world: Partial<Scenario> = { T: 190 * 100, batch: 100, segments: [[0, [0.2, 0.2]]] }
  const runs = 60

  it("passes 0.95 in as many runs of an even split as a random walk passes 1.645 standard errors", () => {
    const { falseWinners, regret } = play(world, { kind: "static" }, { aa: true, replicates: runs })
    // 20,000 walks of 190 steps, each look at one of them: 64 %. Of 200 looks without the first ten, 52 %.
    const known = 0.64
    expect(Math.abs((falseWinners?.mean ?? 0) - known)).toBeLessThan(3 * Math.sqrt((known * (1 - known)) / runs))
    expect(regret).toEqual({ mean: 0, standardError: 0 })
  })

  it("finds as many under Thompson sampling, and shares that differ widely from run to run", () => {
    const { falseWinners, shareSpread } = play(world, { kind: "thompson" }, { aa: true, replicates: runs })
    expect(falseWinners?.mean).toBeGreaterThan(0.4)
    expect(shareSpread[0]).toBeGreaterThan(0.15)
  })
})
