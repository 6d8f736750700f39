import { allocatesEveryPull, type Simulation, simulate } from "../app/simulation/simulate.ts"

/** A simulation to come: a policy in a scenario, under the name that it was asked for by. */
export interface Cell {
  readonly text: string
  readonly simulation: Simulation
}

/** What a cell will take, in seconds on this machine. */
export interface CellEstimate {
  readonly cell: Cell
  readonly seconds: number
}

/** A glance at every cell; those that seem slow are looked at for longer, since code that has just been compiled is slow too. */
const GLANCE_MS = 8
const LOOK_MS = 150
const SEEMS_SLOW_SECONDS = 10
/** Of a batch longer than that only a part is played, so that a batch of a thousand million is no reason to wait. */
const FIRST_SAMPLE_PULLS = 1000
/** Allocations in a whole run that the advice proposes: enough to follow the outcomes closely. */
const REFRESHES = 200
const WORTH_SAYING_SECONDS = 60
const SHOWN_CELLS = 5

/**
 * Times the beginning of every cell and scales it to the whole. Early decisions cost about what later ones do, so it is right within a factor
 * of two or so.
 */
export function estimateCells(cells: readonly Cell[], monotonicMs: () => number): CellEstimate[] {
  return cells.map((cell) => ({ cell, seconds: estimateSeconds(cell.simulation, monotonicMs) }))
}

function estimateSeconds(simulation: Simulation, monotonicMs: () => number): number {
  const glance = sampleSeconds(simulation, GLANCE_MS, monotonicMs)
  return glance < SEEMS_SLOW_SECONDS ? glance : sampleSeconds(simulation, LOOK_MS, monotonicMs)
}

/** What to say before a simulation of minutes: how long, why, and what would be faster. Undefined where it will be over soon. */
export function warnOfSlowness(estimates: readonly CellEstimate[], monotonicMs: () => number): string | undefined {
  const total = estimates.reduce((sum, { seconds }) => sum + seconds, 0)
  if (total < WORTH_SAYING_SECONDS) return undefined
  const slow = estimates
    .filter(({ seconds }) => seconds >= total / 10)
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, SHOWN_CELLS)
  const lines = slow.map(({ cell: { text, simulation }, seconds }) => {
    const { id, T, batch } = simulation.scenario
    const everyPull = batch === 1 || allocatesEveryPull(simulation.experiment)
    const refresh = everyPull ? "an allocation after every pull" : `an allocation every ${number(batch)} pulls`
    return `  ${id} ${text}: ${duration(seconds)} for ${number(simulation.replicates)} runs of ${number(T)} pulls, ${refresh}`
  })
  return [
    `This will take about ${duration(total)} on this machine:`,
    ...lines,
    ...advice(slow, total, monotonicMs),
    "",
  ].join("\n")
}

function advice(slow: readonly CellEstimate[], total: number, monotonicMs: () => number): string[] {
  const first = slow[0]
  if (first === undefined) return []
  const { replicates, scenario } = first.cell.simulation
  const fewer = Math.max(2, Math.floor((replicates * WORTH_SAYING_SECONDS) / total))
  const secondsOfFewer = (total * fewer) / replicates
  const lines: string[] = []
  if (fewer < replicates) {
    const wider = Math.sqrt(replicates / fewer).toFixed(1)
    lines.push(
      `  --replicates ${fewer} takes about ${duration(secondsOfFewer)}; its standard errors are ${wider} times as large`,
    )
  }
  if (secondsOfFewer > 2 * WORTH_SAYING_SECONDS) {
    const pulls = Math.floor((scenario.T * WORTH_SAYING_SECONDS) / secondsOfFewer)
    lines.push(
      `  "T": ${Number(pulls.toPrecision(2))} in scenario ${scenario.id}, with ${fewer} replicates: about ${WORTH_SAYING_SECONDS} s`,
    )
  }
  const batch = Math.ceil(scenario.T / REFRESHES)
  if (scenario.batch < batch) {
    const inBatches = { ...first.cell.simulation, scenario: { ...scenario, batch } }
    const seconds = estimateSeconds(inBatches, monotonicMs)
    if (seconds < first.seconds / 4)
      lines.push(
        `  "batch": ${batch} in scenario ${scenario.id} takes about ${duration(seconds)} for ${first.cell.text}`,
      )
  }
  return lines.length === 0 ? [] : ["What would be faster:", ...lines]
}

/** Plays twice as many pulls each time. The cheapest counts: the first ones also pay for compiling the code. */
function sampleSeconds(simulation: Simulation, sampleMs: number, monotonicMs: () => number): number {
  const { scenario, replicates } = simulation
  const startedAt = monotonicMs()
  let cheapestMs = Infinity
  let pulls = Math.min(scenario.T, scenario.batch, FIRST_SAMPLE_PULLS)
  while (cheapestMs === Infinity || monotonicMs() - startedAt < sampleMs) {
    const begunAt = monotonicMs()
    const run = simulate({ ...simulation, replicates: 1, scenario: { ...scenario, T: pulls, checkpoints: [] } })
    while (run.next().done !== true);
    cheapestMs = Math.min(cheapestMs, (monotonicMs() - begunAt) / pulls)
    pulls = Math.min(scenario.T, pulls * 2)
  }
  return (cheapestMs * scenario.T * replicates) / 1000
}

function number(value: number): string {
  return value.toLocaleString("en")
}

function duration(seconds: number): string {
  if (seconds < 1) return "a second"
  if (seconds < 100) return `${Math.ceil(seconds)} s`
  return seconds < 100 * 60 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3600)} h`
}
