import { describe, expect, it } from "vitest"
import type { SimulationResult } from "#src/app/simulation/simulate.ts"
import { SimulatedGateway } from "#src/app/simulation/simulated-gateway.ts"
import { scenarioSchema } from "#src/app/simulation/simulation-scenario.ts"
import { replicateStreams } from "#src/cli/replicate-streams.ts"
import { referenceCells } from "./reference-cells.ts"
import { experimentOf, finish, playing, scenarioOf } from "./simulate-playing.ts"

/** A spread of the batch scenarios and of policies; the whole table is docs/regret.md. Heavy tails are left to it, where 200 replicates are played. */
const SHORT = [
  ["ctr5_batch1000", "uniform", 10],
  ["ctr5_batch1000", "thompson", 12],
  ["ctr5_batch1000", "thompson_floor 0.05", 10],
  ["ctr5_batch1000", "top_two_thompson 0.5", 10],
  ["ctr5_batch1000_delay10000", "ucb1_tuned_pending", 3],
  ["ctr5_batch1000_delay10000", "thompson", 15],
  ["cl10_gap002_batch1000", "ucb1_tuned_pending", 4],
  ["cl10_gap002_batch1000", "epsilon_greedy 0.1", 20],
  ["cl10_gap002_batch1000", "thompson", 12],
  ["drift3_batch500", "thompson", 15],
  ["drift3_batch500", "thompson_discounted 0.9999", 15],
  ["drift3_batch500", "thompson_window 20000", 15],
] as const

describe("given the reference scenarios", () => {
  const cells = referenceCells()

  it("maps every cell of the reference that a policy of ours has", () => {
    const blind = cells.filter(({ name, scenario }) => scenario.batch > 1 && ["ucb1", "kl_ucb"].includes(name))
    expect(cells.length - blind.length).toBe(52)
  })

  it.each(SHORT)("has the regret of the reference in %s for %s", (id, name, replicates) => {
    const cell = cells.find((candidate) => candidate.scenario.id === id && candidate.name === name)
    if (cell === undefined) throw new Error(`no cell ${id} ${name}`)
    const { regret } = finish({ ...cell, replicates, randomOf: replicateStreams(`${id}/${name}`) }).result
    const tolerance = 3 * Math.hypot(regret.standardError, cell.standardError)
    expect(Math.abs(regret.mean - cell.mean)).toBeLessThanOrEqual(tolerance)
    // The comparison must be able to fail: an even split's regret lies far outside, but for its own cell and UCB1.
    const uniform = cells.find((candidate) => candidate.scenario.id === id && candidate.name === "uniform")
    expect(name === "uniform" || Math.abs((uniform?.mean ?? 0) - cell.mean) > 2 * tolerance).toBe(true)
  })
})

describe("given a world whose first arm always pays", () => {
  it("shows outcomes at the next batch boundary and not before", () => {
    const { curve } = finish(
      playing({ T: 30, checkpoints: [10, 20, 30] }, { kind: "epsilon-greedy", epsilon: 0 }, { replicates: 50 }),
    ).result
    const at = (t: number): number => curve.find((point) => point.t === t)?.mean ?? Number.NaN
    expect(at(10)).toBeGreaterThan(3)
    expect(at(20) - at(10)).toBeLessThan(0.5)
  })

  it("waits for the delay: outcomes of a batch show when it ended more than so many pulls ago", () => {
    const regretAt20 = (delay: number): number =>
      finish(
        playing({ T: 20, delay, checkpoints: [10, 20] }, { kind: "epsilon-greedy", epsilon: 0 }, { replicates: 50 }),
      ).result.regret.mean
    expect(regretAt20(1)).toBeGreaterThan(1.5 * regretAt20(0))
  })

  it("takes the whole delay as any other: batch boundaries decide", () => {
    const run = (delay: number): SimulationResult => finish(playing({ T: 60, delay }, { kind: "thompson" })).result
    expect(run(1)).toEqual(run(10))
    expect(run(11)).not.toEqual(run(10))
  })
})

it("charges every pull the best rate of its own segment", () => {
  const drifting = {
    T: 100,
    segments: [
      [0, [0.5, 0.2]],
      [50, [0.1, 0.2]],
    ] as const,
  }
  const { regret, shareByVariant } = finish(playing(drifting, { kind: "canary", challenger: "0", share: 1 })).result
  expect(regret.mean).toBeCloseTo(50 * 0.1, 10)
  expect(shareByVariant).toEqual([1, 0])
})

it("gives the same numbers for the same seed and others for another", () => {
  const run = (seed: string): SimulationResult =>
    finish(playing({}, { kind: "thompson" }, { replicates: 5, seed })).result
  expect(run("a")).toEqual(run("a"))
  expect(run("a").curve).not.toEqual(run("b").curve)
})

it("tells how many replicates are done, and has a point at every checkpoint and at the horizon", () => {
  const { result, progress } = finish(playing({ T: 1000, checkpoints: [7, 333] }, { kind: "static" }))
  expect(progress).toEqual([1, 2, 3])
  const times = result.curve.map(({ t }) => t)
  expect(times).toEqual(expect.arrayContaining([7, 333, 1000]))
  expect(times.length).toBeGreaterThan(50)
  expect(times).toEqual(times.toSorted((a, b) => a - b))
})

it("shows each batch at the first boundary that lies more than the delay after its last decision, by the gateway's own statistics", () => {
  for (const [batch, delay] of [
    [10, 0],
    [10, 1],
    [10, 10],
    [10, 25],
    [7, 30],
    [1, 3],
  ] as const) {
    const scenario = scenarioOf({ batch, delay })
    const gateway = new SimulatedGateway(experimentOf(scenario, { policy: { kind: "static" } }), scenario, "x")
    for (let boundary = 0; boundary < 12; boundary++) {
      gateway.beginBatch(boundary * batch)
      const lasts = Array.from({ length: boundary }, (_, index) => (index + 1) * batch - 1)
      const shown = lasts.filter((last) => boundary * batch - last > delay).length
      expect(gateway.statistics.reduce((sum, { n }) => sum + n, 0)).toBe(shown * batch)
      expect(gateway.statistics.reduce((sum, { pending }) => sum + pending, 0)).toBe((boundary - shown) * batch)
      for (let decision = boundary * batch; decision < (boundary + 1) * batch; decision++) {
        gateway.record(decision, decision, gateway.decide(decision, undefined), { failed: false, reward: 0, delay })
      }
    }
  }
})

describe("given a policy that counts open decisions", () => {
  it("refreshes it at every pull", () => {
    // ε = min(1, 10 / n): were it not refreshed, the only batch would explore all through and lose half its pulls.
    const decaying = playing(
      { T: 2000, batch: 1000, segments: [[0, [1, 0]]] },
      { kind: "epsilon-greedy", decay: 10 },
      { replicates: 20 },
    )
    expect(finish(decaying).result.regret.mean).toBeLessThan(520)
  })

  it("tells it in the middle of a batch what the counters would", () => {
    const scenario = scenarioOf({ batch: 50, delay: 60 })
    for (const maturation of ["none", "window", "expected"]) {
      const experiment = experimentOf(scenario, { policy: { kind: "ucb1-tuned" }, maturation })
      const [often, once] = [1, 2].map(() => new SimulatedGateway(experiment, scenario, "x"))
      for (let decision = 0; decision < 120; decision++) {
        for (const gateway of [often, once]) {
          if (decision % 50 === 0) gateway?.beginBatch(decision)
          const choice = often?.decide(decision, undefined)
          if (choice !== undefined) gateway?.record(decision, decision, choice, { failed: false, reward: 0, delay: 0 })
        }
        often?.refresh()
      }
      // An edit that changes nothing but who is there counts everything anew.
      once?.serveOnly(120, [true, false])
      expect(often?.statistics).toEqual(once?.statistics)
    }
  })
})

describe("a scenario", () => {
  it("must start at pull 0, with segments that rise and have the same arms, a number for each of them, and checkpoints within the horizon", () => {
    const good = { id: "x", T: 10, segments: [[0, [0.1, 0.2]]] }
    expect(scenarioSchema.parse(good)).toEqual({ ...good, batch: 1, decisionsPerSecond: 1, delay: 0, checkpoints: [] })
    const bad = [
      { segments: [[1, [0.1]]] },
      {
        segments: [
          [0, [0.1]],
          [0, [0.2]],
        ],
      },
      {
        segments: [
          [0, [0.1]],
          [5, [0.1, 0.2]],
        ],
      },
      { segments: [[0, [null, 0.1]]] },
      { meanDelay: [1, 2, 3], attributionWindow: 5 },
      { meanDelay: 5 },
      { meanDelay: 5, attributionWindow: 5, delay: 2 },
      { failures: [0.5] },
      { rewards: { value: [1] } },
      { checkpoints: [11] },
      { segments: [[0, [1.1]]] },
      { T: 0 },
    ]
    for (const wrong of bad) expect(scenarioSchema.safeParse({ ...good, ...wrong }).success).toBe(false)
  })
})
