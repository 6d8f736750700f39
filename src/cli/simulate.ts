import { readFileSync, writeFileSync } from "node:fs"
import { setImmediate } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { PolicyError } from "#policies/policy.ts"
import type { MeasuredScenario } from "../app/simulation/measured-scenario.ts"
import { simulate as play, type Simulation, type SimulationResult } from "../app/simulation/simulate.ts"
import { type Scenario, scenarioFileSchema } from "../app/simulation/simulation-scenario.ts"
import type { Command, Io } from "./command.ts"
import { LOG_OPTIONS, LOG_USAGE, type LogOrder, readLogOrder } from "./log-order.ts"
import { describeMeasured, measure, measuredDocument } from "./measured-traffic.ts"
import { ProgressBar } from "./progress-bar.ts"
import { parseJson, parseShape, Refusal, refuse } from "./refusal.ts"
import { falseWinnersTable, type RegretLine, regretChart, regretTable } from "./regret-chart.ts"
import { type RegretPanel, regretHtml, regretSvg } from "./regret-picture.ts"
import { parseSimulatedPolicies } from "./simulated-policies.ts"
import { cellsOf, madeUpWorld, type Plan } from "./simulation-cells.ts"
import { type Cell, estimateCells, warnOfSlowness } from "./simulation-estimate.ts"
import { untilStopped } from "./until-stopped.ts"
import { columnsOf, widthOf, wrapped } from "./wrapped.ts"

const SHIPPED_SCENARIOS = fileURLToPath(new URL("../../examples/scenarios.json", import.meta.url))

export const simulate: Command = {
  name: "simulate",
  summary: "Cumulative regret of policies in simulated scenarios",
  usage: `npm run cli -- simulate [options]

Plays policies in made-up worlds and says what each lost against always serving
the best variant (the regret). The gateway's own code decides, counts and
learns. Without options: ten small scenarios, about half a minute. With
--log the world is your own traffic, as an outcome log has it.

  --log PLACE        plays in the traffic of an outcome log (below)
  --scenarios FILE   scenarios of your own, as JSON. The default,
                     examples/scenarios.json, shows the fields
  --scenario ID      only this one; may be repeated
  --policies LIST    commas between. Each is a kind (thompson), a kind with its
                     first parameter (epsilon-greedy:0.1), or the policy of an
                     experiment document as JSON, with the document's memory,
                     maturation, failures and stickiness if you like (see the
                     examples below).
                     Default: thompson,epsilon-greedy:0.1,ucb1-tuned,static
  --replicates N     independent runs of each (50; 10 with --log)
  --seed N           the same seed gives the same numbers (1)
  --aa               makes all variants alike, and says in how many runs one of
                     them still looked best with a probability above 0.95
  --plot FILE        also writes the regret over time as .svg or .html
  --json             one JSON document: {"seed","results":[{"scenario","policy",
                     "replicates","regret","curve","shareByVariant",…}]}

A scenario has T decisions (pulls). A new allocation is made every "batch"
pulls. "segments": [[from which pull, [rate of each variant]], …] says how often
a decision earns a reward; null: the variant isn't there yet, or any more. All
times are in pulls. What else a world may have:

  "delay"              every reward comes so late
  "meanDelay"          instead: rewards come late at random, with this mean
  "attributionWindow"  later rewards don't count
  "units"              {"visits","correlation"}: the same units come back
  "failures"           share of its decisions that a variant doesn't answer
  "rewards"            {"value","spread"}: what a reward is worth, instead of 1
  "decisionsPerSecond" (1) how many pulls the seconds of a memory are

"meanDelay", "failures" and "value" are one number or one for each variant.
"maturation" is window when left out, and none where there is a "meanDelay".

  npm run cli -- simulate --scenario winner-changes --policies \\
    'thompson,{"kind":"thompson","memory":{"kind":"window","seconds":300}}'
  npm run cli -- simulate --scenarios examples/delays.json --policies \\
    '{"kind":"thompson"},{"kind":"thompson","maturation":"expected"}'

One's own traffic, before a policy is switched on: decisions come when they
came, each variant earns what it earned on that day, and rewards take as long as
they took. The experiment is the log's own with another policy.

${LOG_USAGE.what}
${LOG_USAGE.rows}
${LOG_USAGE.limits}

  npm run cli -- simulate --log data --experiment banner-ctr --policies \\
    thompson,epsilon-greedy:0.1 --plot regret.html`,
  run: async (args, io) => {
    try {
      const order = readOrder(args, io)
      return await untilStopped((signal) => run(order, io, signal))
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof PolicyError)) throw error
      refuse(io, "simulate", error.message)
      return 1
    }
  },
}

const STOPPED = 130

async function run(order: Order, io: Io, signal: AbortSignal): Promise<number> {
  const progress = new ProgressBar(io.stderr, monotonicMs)
  try {
    const measured = order.log === undefined ? undefined : await measure(order.log, signal, progress)
    const worlds = measured === undefined ? order.scenarios.map((given) => madeUpWorld(given, order.aa)) : [measured]
    const { cells, left } = cellsOf(worlds, order)
    if (cells.length === 0) throw new Refusal(left.join("\n"))
    for (const sentence of left) io.stderr.write(wrapped(`Left out: ${sentence}\n`, columnsOf(io.stderr)))
    const warning = warnOfSlowness(estimateCells(cells, monotonicMs), monotonicMs)
    if (warning !== undefined) io.stderr.write(wrapped(warning, columnsOf(io.stderr)))
    const panels = await playAll(cells, progress, signal)
    progress.finish()
    if (order.plot !== undefined) {
      const draw = order.plot.endsWith(".html") ? regretHtml : regretSvg
      write(order.plot, draw(panels, order.replicates))
    }
    if (measured !== undefined && !order.json)
      io.stdout.write(wrapped(describeMeasured(measured), columnsOf(io.stdout)))
    io.stdout.write(order.json ? document(panels, order, measured) : report(panels, widthOf(io.stdout), order.aa))
    return 0
  } catch (error) {
    if (signal.aborted) return STOPPED
    throw error
  } finally {
    progress.finish()
  }
}

const monotonicMs = (): number => performance.now()

interface Order extends Plan {
  /** Of a log's own traffic; then there are no made-up scenarios. */
  readonly log: LogOrder | undefined
  readonly scenarios: readonly Scenario[]
  readonly plot: string | undefined
  readonly json: boolean
}

function readOrder(args: readonly string[], io: Io): Order {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...LOG_OPTIONS,
      scenarios: { type: "string" },
      scenario: { type: "string", multiple: true },
      policies: { type: "string", default: "thompson,epsilon-greedy:0.1,ucb1-tuned,static" },
      replicates: { type: "string" },
      seed: { type: "string", default: "1" },
      plot: { type: "string" },
      json: { type: "boolean", default: false },
      aa: { type: "boolean", default: false },
    },
  })
  const { plot } = values
  if (plot !== undefined && !/\.(svg|html)$/.test(plot))
    throw new Refusal(`--plot ${plot}: the name must end in .svg or .html`)
  if (plot !== undefined && values.aa) throw new Refusal("--plot draws regret, of which there is none under --aa")
  const made = MADE_UP.find((option) => values[option] !== undefined && values[option] !== false)
  if (values.log.length > 0 && made !== undefined)
    throw new Refusal(`--${made} is of made-up worlds, and --log is a world of its own: give one of them`)
  const log = values.log.length > 0 ? readLogOrder(values, io) : undefined
  return {
    log,
    scenarios: log === undefined ? readScenarios(values.scenarios ?? SHIPPED_SCENARIOS, values.scenario) : [],
    policies: parseSimulatedPolicies(values.policies),
    replicates: wholeNumber(values.replicates ?? (log === undefined ? "50" : "10"), "--replicates", 1, 1_000_000),
    seed: wholeNumber(values.seed, "--seed", 0, Number.MAX_SAFE_INTEGER),
    plot,
    json: values.json,
    aa: values.aa,
  }
}

/** Options that a log has no use for. */
const MADE_UP = ["scenarios", "scenario", "aa"] as const

function readScenarios(file: string, ids: readonly string[] | undefined): readonly Scenario[] {
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

async function playAll(cells: readonly Cell[], progress: ProgressBar, signal: AbortSignal): Promise<RegretPanel[]> {
  const panels = new Map<string, RegretPanel & { readonly lines: RegretLine[] }>()
  for (const [index, { text, simulation }] of cells.entries()) {
    const { id, T } = simulation.scenario
    const result = await playOne(simulation, signal, (share) => {
      progress.update((index + share) / cells.length, `${id} ${text}`)
    })
    const panel = panels.get(id) ?? { scenario: id, horizon: T, lines: [] }
    panel.lines.push({ policy: text, ...result })
    panels.set(id, panel)
  }
  return [...panels.values()]
}

async function playOne(
  simulation: Simulation,
  signal: AbortSignal,
  report: (share: number) => void,
): Promise<SimulationResult> {
  const run = play(simulation)
  let step = run.next()
  while (step.done !== true) {
    report(step.value / simulation.replicates)
    // Lets an interrupt through between two replicates.
    await setImmediate()
    signal.throwIfAborted()
    step = run.next()
  }
  return step.value
}

function document(
  panels: readonly RegretPanel[],
  { seed, replicates }: Order,
  measured: MeasuredScenario | undefined,
): string {
  const results = panels.flatMap(({ scenario, lines }) =>
    lines.map(({ policy, ...result }) => ({ scenario, policy, replicates, ...result })),
  )
  return `${JSON.stringify({ seed, ...(measured === undefined ? {} : { measured: measuredDocument(measured) }), results })}\n`
}

function report(panels: readonly RegretPanel[], columns: number, aa: boolean): string {
  return panels
    .map(({ scenario, horizon, lines }) => {
      if (aa) return `${scenario}\n\n${falseWinnersTable(lines, columns)}\n`
      return `${scenario}\n\n${regretTable(lines, columns)}\n\n${regretChart(lines, horizon, columns)}\n`
    })
    .join("\n")
}
