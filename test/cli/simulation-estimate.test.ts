import { expect, it } from "vitest"
import { simulatedExperiment } from "#src/app/simulation/simulated-experiment.ts"
import type { Scenario } from "#src/app/simulation/simulation-scenario.ts"
import { type Cell, estimateCells, warnOfSlowness } from "#src/cli/simulation-estimate.ts"

/** A machine on which every random number takes two milliseconds and all else nothing: a pull draws one, and a run one more. */
function slowMachine() {
  let now = 0
  return {
    monotonicMs: () => now,
    random: () => {
      now += 2
      return 0.5
    },
  }
}

function cell(machine: ReturnType<typeof slowMachine>, given: Partial<Scenario>, replicates: number): Cell {
  const scenario = {
    id: "long",
    T: 10_000,
    batch: 1,
    delay: 0,
    decisionsPerSecond: 1,
    segments: [[0, [0.1, 0.2]]] as const,
    checkpoints: [],
    ...given,
  }
  const randomOf = () => machine.random
  return { text: "thompson", simulation: { scenario, experiment: thompson(scenario), replicates, randomOf } }
}

function thompson(scenario: Scenario) {
  const parsed = simulatedExperiment(scenario, { policy: { kind: "thompson" } })
  if (!parsed.ok) throw new Error("thompson has no required parameter")
  return parsed.experiment
}

it("scales the beginning of a run to the whole", () => {
  const machine = slowMachine()
  const [estimate] = estimateCells([cell(machine, { T: 5000 }, 100)], machine.monotonicMs)
  expect((estimate?.seconds ?? 0) / (5000 * 0.002 * 100)).toBeCloseTo(1, 1)
})

it("looks at a part of a batch that is long itself", () => {
  const machine = slowMachine()
  const [estimate] = estimateCells([cell(machine, { T: 1e9, batch: 1e9 }, 1)], machine.monotonicMs)
  expect((estimate?.seconds ?? 0) / (1e9 * 0.002)).toBeCloseTo(1, 1)
  // Two samples of a thousand pulls, two milliseconds each.
  expect(machine.monotonicMs()).toBeLessThan(4100)
})

it("says at once how many minutes it will take, why, and what would be faster", () => {
  const machine = slowMachine()
  const estimates = estimateCells([cell(machine, {}, 100)], machine.monotonicMs)
  expect(warnOfSlowness(estimates, machine.monotonicMs)).toBe(`This will take about 34 min on this machine:
  long thompson: 34 min for 100 runs of 10,000 pulls, an allocation after every pull
What would be faster:
  --replicates 2 takes about 41 s; its standard errors are 7.1 times as large
`)
})

it("proposes a shorter scenario where two runs of it are too long already", () => {
  const machine = slowMachine()
  const estimates = estimateCells([cell(machine, { T: 1_000_000, batch: 5000 }, 2)], machine.monotonicMs)
  expect(warnOfSlowness(estimates, machine.monotonicMs)).toBe(`This will take about 67 min on this machine:
  long thompson: 67 min for 2 runs of 1,000,000 pulls, an allocation every 5,000 pulls
What would be faster:
  "T": 15000 in scenario long, with 2 replicates: about 60 s
`)
})

it("proposes a batch where that is faster, timed on this machine", () => {
  // Here an allocation is what takes time: thompson's is made after each of the pulls.
  const scenario = {
    id: "long",
    T: 200_000,
    batch: 1,
    delay: 0,
    decisionsPerSecond: 1,
    segments: [[0, [0.1, 0.2, 0.15]]] as const,
    checkpoints: [],
  }
  const simulation = {
    scenario,
    experiment: thompson(scenario),
    replicates: 1_000_000,
    randomOf: () => Math.random,
  }
  const clock = () => performance.now()
  const warning = warnOfSlowness(estimateCells([{ text: "thompson", simulation }], clock), clock)
  expect(warning).toContain('"batch": 1000 in scenario long takes about')
})

it("says nothing of what will be over within a minute", () => {
  const machine = slowMachine()
  const estimates = estimateCells([cell(machine, { T: 1000 }, 20)], machine.monotonicMs)
  expect(warnOfSlowness(estimates, machine.monotonicMs)).toBeUndefined()
})
