import seedrandom from "seedrandom"
import { describe, expect, it } from "vitest"
import { type Simulation, type SimulationResult, simulate } from "#src/app/simulate.ts"
import { type ExperimentSettings, simulatedExperiment } from "#src/app/simulated-experiment.ts"
import { type Scenario, scenarioSchema } from "#src/app/simulation-scenario.ts"
import { referenceCells } from "./reference-cells.ts"

function streams(seed: string): (replicate: number) => () => number {
  return (replicate) => {
    const stream = seedrandom.alea(`${seed}/${replicate}`)
    return () => stream.double()
  }
}

function finish(simulation: Simulation): { result: SimulationResult; progress: number[] } {
  const progress: number[] = []
  const run = simulate(simulation)
  let step = run.next()
  while (step.done !== true) {
    progress.push(step.value)
    step = run.next()
  }
  return { result: step.value, progress }
}

function scenario(given: Partial<Scenario>): Scenario {
  return {
    id: "small",
    T: 100,
    batch: 10,
    delay: 0,
    decisionsPerSecond: 1,
    segments: [[0, [1, 0]]],
    checkpoints: [],
    ...given,
  }
}

function playing(
  given: Partial<Scenario>,
  policy: object,
  {
    replicates = 3,
    seed = "a",
    ...settings
  }: { replicates?: number; seed?: string } & Omit<ExperimentSettings, "policy"> = {},
): Simulation {
  const played = scenario(given)
  const parsed = simulatedExperiment(played, { policy, ...settings })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
  return { scenario: played, experiment: parsed.experiment, replicates, randomOf: streams(seed) }
}

/** A spread of the batch scenarios and of policies; the whole table is docs/regret.md. Heavy tails are left to it, where 200 replicates are played. */
const SHORT = [
  ["ctr5_batch1000", "uniform", 40],
  ["ctr5_batch1000", "kl_ucb", 40],
  ["ctr5_batch1000", "thompson", 40],
  ["ctr5_batch1000", "thompson_floor 0.05", 25],
  ["ctr5_batch1000", "top_two_thompson 0.5", 25],
  ["ctr5_batch1000_delay10000", "ucb1", 25],
  ["ctr5_batch1000_delay10000", "kl_ucb", 40],
  ["ctr5_batch1000_delay10000", "thompson", 25],
  ["cl10_gap002_batch1000", "ucb1_tuned_pending", 8],
  ["cl10_gap002_batch1000", "epsilon_greedy 0.1", 40],
  ["cl10_gap002_batch1000", "thompson", 25],
  ["drift3_batch500", "thompson", 40],
  ["drift3_batch500", "thompson_discounted 0.9999", 40],
  ["drift3_batch500", "thompson_window 20000", 40],
] as const

describe("given the reference scenarios", () => {
  const cells = referenceCells()

  it("maps every cell of the reference that a policy of ours has", () => {
    expect(cells).toHaveLength(60)
  })

  it.each(SHORT)("has the regret of the reference in %s for %s", (id, name, replicates) => {
    const cell = cells.find((candidate) => candidate.scenario.id === id && candidate.name === name)
    if (cell === undefined) throw new Error(`no cell ${id} ${name}`)
    const { regret } = finish({ ...cell, replicates, randomOf: streams(`${id}/${name}`) }).result
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

it("refreshes a policy that counts open decisions at every pull", () => {
  const { curve } = finish(
    playing(
      { T: 40, batch: 40, checkpoints: [10, 40], segments: [[0, [0, 0]]] },
      { kind: "static", burnInDecisions: 10 },
      { replicates: 1 },
    ),
  ).result
  expect(curve.at(-1)?.mean).toBe(0)
  // ε = min(1, 10 / n): were it not refreshed, the only batch would explore all through and lose half its pulls.
  const decaying = playing(
    { T: 2000, batch: 1000, segments: [[0, [1, 0]]] },
    { kind: "epsilon-greedy", decay: 10 },
    { replicates: 20 },
  )
  expect(finish(decaying).result.regret.mean).toBeLessThan(520)
})

describe("a scenario", () => {
  it("must start at pull 0, with segments that rise and have the same arms, and checkpoints within the horizon", () => {
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
      { checkpoints: [11] },
      { segments: [[0, [1.1]]] },
      { T: 0 },
    ]
    for (const wrong of bad) expect(scenarioSchema.safeParse({ ...good, ...wrong }).success).toBe(false)
  })
})
