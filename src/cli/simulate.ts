import { readFileSync, writeFileSync } from "node:fs"
import { setImmediate } from "node:timers/promises"
import { parseArgs } from "node:util"
import seedrandom from "seedrandom"
import { PolicyError } from "#policies/policy.ts"
import { simulate as play, type SimulationResult } from "../app/simulate.ts"
import { type Scenario, scenarioFileSchema } from "../app/simulation-scenario.ts"
import type { Command } from "./command.ts"
import { ProgressBar } from "./progress-bar.ts"
import { parseJson, parseShape, Refusal } from "./refusal.ts"
import { type RegretLine, regretChart, regretTable } from "./regret-chart.ts"
import { type RegretPanel, regretHtml, regretSvg } from "./regret-picture.ts"
import { parseSimulatedPolicies, type SimulatedPolicy } from "./simulated-policies.ts"

const DEFAULT_COLUMNS = 80

export const simulate: Command = {
  name: "simulate",
  summary: "Cumulative regret of policies in simulated scenarios",
  usage: `bandit-gateway simulate --scenarios FILE [--scenario ID]… [--policies LIST] [--replicates N] [--seed N] [--plot FILE] [--json]

  --scenarios FILE   JSON: {"scenarios":[{"id","T","batch","delay","segments":[[from,[rate,…]],…],"checkpoints":[…]}]}
                     T pulls; outcomes show every "batch" pulls, "delay" pulls late; Bernoulli rewards with these rates from a pull on
  --scenario ID      only this one; may be repeated
  --policies LIST    commas between: thompson, epsilon-greedy:0.1 (kind and first parameter), or a whole policy document,
                     {"kind":"thompson","minPropensity":0.01,"memory":{"kind":"discount","gamma":0.9999}}, where memory is all,
                     discount (gamma per pull) or window (pulls). Default: thompson,epsilon-greedy:0.1,ucb1-tuned,static
  --replicates N     independent runs of each (200)
  --seed N           the same seed gives the same numbers (1)
  --plot FILE        writes the regret over time as .svg or .html
  --json             one JSON document: {"seed","results":[{"scenario","policy","replicates","regret","curve","shareByVariant"}]}`,
  run: async (args, io) => {
    try {
      const order = readOrder(args)
      const progress = new ProgressBar(io.stderr, () => performance.now())
      const panels = await playAll(order, progress)
      progress.finish()
      if (order.plot !== undefined) {
        const draw = order.plot.endsWith(".html") ? regretHtml : regretSvg
        write(order.plot, draw(panels, order.replicates))
      }
      io.stdout.write(order.json ? document(panels, order) : report(panels, io.stdout.columns ?? DEFAULT_COLUMNS))
      return 0
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof PolicyError)) throw error
      io.stderr.write(`bandit-gateway simulate: ${error.message}\n`)
      return 1
    }
  },
}

interface Order {
  readonly scenarios: readonly Scenario[]
  readonly policies: readonly SimulatedPolicy[]
  readonly replicates: number
  readonly seed: number
  readonly plot: string | undefined
  readonly json: boolean
}

function readOrder(args: readonly string[]): Order {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenarios: { type: "string" },
      scenario: { type: "string", multiple: true },
      policies: { type: "string", default: "thompson,epsilon-greedy:0.1,ucb1-tuned,static" },
      replicates: { type: "string", default: "200" },
      seed: { type: "string", default: "1" },
      plot: { type: "string" },
      json: { type: "boolean", default: false },
    },
  })
  const { plot } = values
  if (plot !== undefined && !/\.(svg|html)$/.test(plot))
    throw new Refusal(`--plot ${plot}: the name must end in .svg or .html`)
  return {
    scenarios: readScenarios(values.scenarios, values.scenario),
    policies: parseSimulatedPolicies(values.policies),
    replicates: wholeNumber(values.replicates, "--replicates", 1, 1_000_000),
    seed: wholeNumber(values.seed, "--seed", 0, Number.MAX_SAFE_INTEGER),
    plot,
    json: values.json,
  }
}

function readScenarios(file: string | undefined, ids: readonly string[] | undefined): readonly Scenario[] {
  if (file === undefined) throw new Refusal("--scenarios is missing: a JSON file with a list of scenarios (see --help)")
  const { scenarios } = parseShape(scenarioFileSchema, parseJson(read(file), file), file)
  if (ids === undefined) return scenarios
  return ids.map((id) => {
    const found = scenarios.find((scenario) => scenario.id === id)
    if (found !== undefined) return found
    throw new Refusal(
      `${file} has no scenario "${id}": there are ${scenarios.map((scenario) => scenario.id).join(", ")}`,
    )
  })
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch (error) {
    throw new Refusal(`${file} can't be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (error) {
    throw new Refusal(`${file} can't be written: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function wholeNumber(text: string, name: string, least: number, most: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw new Refusal(`${name} ${text}: must be a whole number from ${least} to ${most}`)
}

async function playAll(order: Order, progress: ProgressBar): Promise<RegretPanel[]> {
  const cells = order.scenarios.length * order.policies.length
  let finished = 0
  const panels: RegretPanel[] = []
  for (const scenario of order.scenarios) {
    const lines: RegretLine[] = []
    for (const policy of order.policies) {
      const result = await playOne(scenario, policy, order, (share) => {
        progress.update((finished + share) / cells, `${scenario.id} ${policy.text}`)
      })
      finished += 1
      lines.push({ policy: policy.text, ...result })
    }
    panels.push({ scenario: scenario.id, horizon: scenario.T, lines })
  }
  return panels
}

async function playOne(
  scenario: Scenario,
  { text, policy, memory }: SimulatedPolicy,
  { replicates, seed }: Order,
  report: (share: number) => void,
): Promise<SimulationResult> {
  const randomOf = (replicate: number): (() => number) => {
    const stream = seedrandom.alea(`${seed}/${scenario.id}/${text}/${replicate}`)
    return () => stream.double()
  }
  const run = play({ scenario, policy, memory, replicates, randomOf })
  let step = run.next()
  while (step.done !== true) {
    report(step.value / replicates)
    // Lets an interrupt through between two replicates.
    await setImmediate()
    step = run.next()
  }
  return step.value
}

function document(panels: readonly RegretPanel[], { seed, replicates }: Order): string {
  const results = panels.flatMap(({ scenario, lines }) =>
    lines.map(({ policy, regret, curve, shareByVariant }) => ({
      scenario,
      policy,
      replicates,
      regret,
      curve,
      shareByVariant,
    })),
  )
  return `${JSON.stringify({ seed, results })}\n`
}

function report(panels: readonly RegretPanel[], columns: number): string {
  return panels
    .map(
      ({ scenario, horizon, lines }) =>
        `${scenario}\n\n${regretTable(lines)}\n\n${regretChart(lines, horizon, columns)}\n`,
    )
    .join("\n")
}
