/**
 * What it costs to count clicks of open decisions at once, against waiting for the whole decision: the figures of docs/adr/0005.
 *
 *   node scripts/maturation-study.ts [replicates]
 *
 * Thompson sampling, a new allocation every 1,000 decisions, clicks that arrive after an exponential delay. `window`: a decision enters the
 * statistics with its click when its window has closed. `clicks first`: a clicked decision enters at once, the others when it has closed.
 */
import seedrandom from "seedrandom"
import { allocate } from "../policies/allocate.ts"
import { parsePolicy } from "../policies/policy-document.ts"

interface Scenario {
  readonly means: readonly number[]
  readonly decisions: number
  /** In decisions, as the delay. */
  readonly window: number
  readonly meanDelay: number
}

type Rule = "window" | "clicks first"

const BATCH = 1000
const SCENARIOS: readonly Scenario[] = [
  { means: [0.01, 0.012], decisions: 200_000, window: 20_000, meanDelay: 2_000 },
  { means: [0.01, 0.012, 0.011, 0.009, 0.015], decisions: 200_000, window: 10_000, meanDelay: 1_000 },
]

const replicates = Number(process.argv[2] ?? 100)
const parsed = parsePolicy({ kind: "thompson", minPropensity: 0.01 })
if (!parsed.ok) throw new Error("the policy document is valid")
const policy = parsed.policy

for (const scenario of SCENARIOS) {
  for (const rule of ["window", "clicks first"] as const) {
    const random = seedrandom.xor128(`${rule} ${scenario.means.length}`)
    const regrets = Array.from({ length: replicates }, () => regretOf(scenario, rule, () => random.double()))
    const mean = regrets.reduce((sum, regret) => sum + regret, 0) / replicates
    const variance = regrets.reduce((sum, regret) => sum + (regret - mean) ** 2, 0) / (replicates - 1)
    const standardError = Math.sqrt(variance / replicates)
    console.log(`${scenario.means.join(" ")}: ${rule}: regret ${mean.toFixed(1)} ± ${standardError.toFixed(1)}`)
  }
}

/** Decisions of one batch and arm, and its clicks by how many batches later they arrive. */
interface Cohort {
  readonly decisions: number
  readonly clicks: readonly number[]
}

function regretOf({ means, decisions, window, meanDelay }: Scenario, rule: Rule, random: () => number): number {
  const best = Math.max(...means)
  const windowBatches = window / BATCH
  const past: Cohort[][] = []
  let regret = 0
  for (let batch = 0; batch < decisions / BATCH; batch++) {
    const arms = means.map((_, arm) => {
      let [n, sum] = [0, 0]
      for (const [made, cohorts] of past.entries()) {
        const cohort = cohorts[arm] as Cohort
        const arrived = cohort.clicks.slice(0, batch - made).reduce((total, count) => total + count, 0)
        const closed = batch - made >= windowBatches
        if (closed) n += cohort.decisions
        else if (rule === "clicks first") n += arrived
        if (closed || rule === "clicks first") sum += arrived
      }
      return { id: String(arm), n, pending: 0, sum, sumSq: sum, weight: 1, lifetime: n }
    })
    const { allocation } = allocate(policy, arms)
    const drawn = means.map(() => ({ decisions: 0, clicks: Array.from({ length: windowBatches }, () => 0) }))
    for (let i = 0; i < BATCH; i++) {
      const arm = draw(allocation, random())
      const cohort = drawn[arm] as (typeof drawn)[number]
      const mean = means[arm] as number
      cohort.decisions++
      regret += best - mean
      const delay = random() < mean ? Math.floor((-Math.log(1 - random()) * meanDelay) / BATCH) : windowBatches
      if (delay < windowBatches) cohort.clicks[delay] = (cohort.clicks[delay] as number) + 1
    }
    past.push(drawn)
  }
  return regret
}

function draw(allocation: readonly number[], uniform: number): number {
  let rest = uniform
  for (const [arm, share] of allocation.entries()) {
    rest -= share
    if (rest < 0) return arm
  }
  return allocation.length - 1
}
