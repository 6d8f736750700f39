/**
 * How often intervals of `evaluate` hold the true value, over simulated logs of the code that serves: Thompson sampling with a floor of 0.02 between a
 * variant that earns 5 % and one that earns 6 %, 10,000 rows a log. Prints a table for docs/evaluation.md.
 *
 * `node scripts/coverage-study.ts [logs, 1000] [request|unit, both]`
 */
import seedrandom from "seedrandom"
import { createMemoryEvaluationLog } from "../src/adapters/memory/evaluation-log.ts"
import { evaluate } from "../src/app/evaluation/evaluate.ts"
import { fixedTarget } from "../src/app/evaluation/target.ts"
import { simulatedExperiment } from "../src/app/simulation/simulated-experiment.ts"
import { simulatedLog } from "../src/app/simulation/simulated-log.ts"
import { type Scenario, scenarioSchema } from "../src/app/simulation/simulation-scenario.ts"
import { ESTIMATOR_NAMES } from "../src/domain/evaluation/estimators.ts"

const RATES = [0.05, 0.06] as const
const ROWS = 10_000
const REPLICATES = 200
/** Effective rewards from which on intervals are promised to hold what they say. */
const ENOUGH = 200

const TARGETS = [
  { target: fixedTarget("always the worse", [1, 0]), truth: RATES[0] },
  { target: fixedTarget("always the better", [0, 1]), truth: RATES[1] },
]

interface World {
  readonly stickiness: "unit" | "request"
  readonly scenario: Scenario
}

const common = { batch: 100, segments: [[0, [...RATES]]] }
const WORLDS: readonly World[] = [
  { stickiness: "request", scenario: scenarioSchema.parse({ ...common, id: "request", T: ROWS }) },
  {
    stickiness: "unit",
    scenario: scenarioSchema.parse({ ...common, id: "unit", T: 2 * ROWS, units: { visits: 2, correlation: 0.3 } }),
  },
]

interface Cell {
  held: number
  intervals: number
}

const cells = new Map<string, { enough: Cell; few: Cell }>()

const logs = Number(process.argv[2] ?? 1000)
const only = process.argv[3]
for (const { stickiness, scenario } of WORLDS) {
  if (only !== undefined && only !== stickiness) continue
  const parsed = simulatedExperiment(scenario, { policy: { kind: "thompson", minPropensity: 0.02 }, stickiness })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
  for (let log = 0; log < logs; log++) {
    const stream = seedrandom.alea(`coverage ${scenario.id} ${log}`)
    const events = simulatedLog(scenario, parsed.experiment, () => stream.double())
    const { targets } = await evaluate(
      createMemoryEvaluationLog(events),
      {
        query: { experiment: "simulated", modelFeatures: [], arrivals: false },
        estimators: ESTIMATOR_NAMES,
        resampling: { replicates: REPLICATES, random: () => stream.double() },
        targetsOf: () => TARGETS.map(({ target }) => target),
      },
      () => {},
    )
    for (const [index, { estimates, effectiveRewards }] of targets.entries()) {
      const truth = TARGETS[index]?.truth ?? 0
      for (const { estimator, method, interval } of estimates) {
        const name = `${stickiness}\n${estimator}\n${method}`
        const cell = cells.get(name) ?? { enough: { held: 0, intervals: 0 }, few: { held: 0, intervals: 0 } }
        cells.set(name, cell)
        const counted = effectiveRewards >= ENOUGH ? cell.enough : cell.few
        counted.intervals += 1
        if (interval[0] <= truth && truth <= interval[1]) counted.held += 1
      }
    }
    if (log % 100 === 99) process.stderr.write(`${scenario.id}: ${log + 1} logs\n`)
  }
}

const percent = ({ held, intervals }: Cell): string =>
  intervals === 0 ? "-" : `${((100 * held) / intervals).toFixed(1)} %`
console.log(
  `| rows | estimator | interval | held, of those from ${ENOUGH} effective rewards on | below |\n|---|---|---|---|---|`,
)
for (const [name, { enough, few }] of cells) {
  const [stickiness = "", estimator = "", method = ""] = name.split("\n")
  const rows = stickiness === "unit" ? "units" : "decisions"
  console.log(
    `| ${rows} | ${estimator} | ${method} | ${percent(enough)} of ${enough.intervals} | ${percent(few)} of ${few.intervals} |`,
  )
}
