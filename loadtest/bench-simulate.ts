/**
 * How many decisions `simulate` plays a second, in the reference scenarios with the click rates of ads: with an allocation for every 1,000
 * decisions, with one after every decision because the policy counts open ones, and with Thompson sampling's integral after every one. Prints
 * figures; asserts none. Processor time, which other work on the machine lengthens less than it does the wall's.
 *
 *   npm run bench:simulate
 */
import { simulate } from "#src/app/simulation/simulate.ts"
import { replicateStreams } from "#src/cli/replicate-streams.ts"
import { type ReferenceCell, referenceCells } from "#test/app/simulation/reference-cells.ts"

const REPLICATES = 3

/** Scenario, policy of the reference, and how many decisions of it are played. */
const CELLS = [
  ["ctr5_batch1000", "uniform", 200_000],
  ["ctr5_batch1000", "epsilon_greedy 0.1", 200_000],
  ["ctr5_batch1000", "thompson", 200_000],
  ["ctr5_batch1000_delay10000", "thompson", 200_000],
  ["drift3_batch500", "thompson_window 20000", 100_000],
  ["ctr5_batch1000", "ucb1_tuned_pending", 100_000],
  ["ctr5_immediate", "thompson", 20_000],
] as const

function play({ scenario, experiment }: ReferenceCell, decisions: number, replicates: number): number {
  const run = simulate({
    scenario: { ...scenario, T: decisions, checkpoints: [] },
    experiment,
    replicates,
    randomOf: replicateStreams("bench"),
  })
  const before = process.cpuUsage()
  while (run.next().done !== true);
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

for (const [id, name, decisions] of CELLS) {
  const cell = referenceCells().find(({ scenario, name: policy }) => scenario.id === id && policy === name)
  if (cell === undefined) throw new Error(`the reference has no ${id} ${name}`)
  play(cell, decisions, 1)
  const seconds = play(cell, decisions, REPLICATES)
  const perSecond = Math.round((REPLICATES * decisions) / seconds)
  console.log(`${id} ${name} (${cell.experiment.policy.kind}): ${perSecond.toLocaleString("en")} decisions a second`)
}
