/**
 * Simulates every cell of the reference regret table and writes docs/regret.md: `node scripts/regret-table.ts`.
 *
 * `--rows FILE` keeps what is done, and a later run goes on from there.
 * Cells run until they have all their replicates or their time is up (at least 10), the fast ones first, and the table is written after each,
 * so that an interrupted run leaves what it has.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import * as z from "zod"
import { policyChoice } from "#policies/policy-document.ts"
import { simulate } from "#src/app/simulation/simulate.ts"
import { replicateStreams } from "#src/cli/replicate-streams.ts"
import { type ReferenceCell, referenceCells } from "#test/app/simulation/reference-cells.ts"

const INTRODUCTION = `# Regret

Cumulative pseudo-[regret](glossary.md#regret) at the horizon: the expected rewards lost against always choosing the best variant. Our
policies stand beside an independent simulation of the same ones in numpy, as mean ± standard error over replicates. The reference has 200
replicates a cell. Its file, with scenarios and information model, is \`test/fixtures/policies/regret_reference.json\`. Two means are the
same when they differ by at most three standard errors of their difference: |z| ≤ 3.

- Ours are played by the gateway's own code: requests are drawn by its hash, counted in its counters, and learned from through its statistics
  (\`maturation: window\`, the window being the delay). Thompson sampling is P(best), the probability of being best, by
  [quadrature](glossary.md#quadrature) at full accuracy, also where it is refreshed after each of 200,000 pulls. Those cells have fewer
  replicates, as the table says.
- Outcomes become visible at batch boundaries, after the delay. Decisions count at once. So a policy that looks at open decisions (the UCB
  policies, \`epsilon-greedy\` with \`decay\`) is refreshed at every pull. For the others that would change nothing.
- The reference's \`epsilon_greedy_decay\` has ε = min(1, c K / t) with c = 100, ours min(1, decay / t): decay = 100 K.
- Its \`thompson_floor\` mixes 5 % uniform: \`minPropensity\` = 0.05 / K.
- Its \`ucb1\`, \`ucb1_tuned\` and \`kl_ucb\` are blind to open decisions. Ours are not: \`ucb1-tuned\` is compared with \`ucb1_tuned_pending\`.
  Where no decision is ever open both are one. No counterpart: those three in the batch scenarios.
- Memory is said in seconds, as experiment documents say it, at one decision a second.
- UCB1 at click rates of 1 % earns little more than an even split. It is here for reference; use \`thompson\`, \`ucb1-tuned\` or \`kl-ucb\`.

![Regret over time in ctr5_batch1000](regret.svg)

The picture: \`npm run cli -- simulate --scenarios test/fixtures/policies/regret_reference.json --scenario ctr5_batch1000
--policies thompson,epsilon-greedy:0.1,ucb1-tuned,static --plot docs/regret.svg\`
`

const { values } = parseArgs({
  options: {
    replicates: { type: "string", default: "200" },
    seconds: { type: "string", default: "600" },
    scenario: { type: "string" },
    seed: { type: "string", default: "1" },
    out: { type: "string", default: "docs/regret.md" },
    rows: { type: "string" },
  },
})
const LEAST_REPLICATES = 10
const started = performance.now()
const cells = referenceCells().filter(
  ({ scenario }) => values.scenario === undefined || scenario.id === values.scenario,
)
const rowSchema = z.object({
  scenario: z.string(),
  name: z.string(),
  mean: z.number(),
  standardError: z.number(),
  replicates: z.int(),
})
type Row = z.output<typeof rowSchema>
const rows = new Map<ReferenceCell, Row>()
if (values.rows !== undefined && existsSync(values.rows)) {
  for (const row of z.array(rowSchema).parse(JSON.parse(readFileSync(values.rows, "utf8")))) {
    const cell = cells.find(({ scenario, name }) => scenario.id === row.scenario && name === row.name)
    if (cell !== undefined) rows.set(cell, row)
  }
}

const quickFirst = [...cells].sort((a, b) => cost(a) - cost(b))
for (const cell of quickFirst) {
  if (rows.has(cell)) continue
  rows.set(cell, play(cell))
  writeFileSync(values.out, page())
  if (values.rows !== undefined) writeFileSync(values.rows, JSON.stringify([...rows.values()]))
}

/** Rough order of the work: refreshes, dearer where each is an integral. */
function cost({ scenario, experiment }: ReferenceCell): number {
  const integral = experiment.policy.kind === "thompson" || experiment.policy.kind === "top-two"
  return (scenario.T / scenario.batch) * (integral ? 100 : 1)
}

function play(cell: ReferenceCell): Row {
  const { scenario, name, experiment } = cell
  const wanted = Number(values.replicates)
  const begun = performance.now()
  const randomOf = replicateStreams(`${values.seed}/${scenario.id}/${name}`)
  // Timing first: the number of replicates must not depend on how they turn out.
  const timing = simulate({ scenario, experiment, replicates: 1, randomOf })
  while (timing.next().done !== true);
  const each = (performance.now() - begun) / 1000
  const replicates = Math.max(
    Math.min(LEAST_REPLICATES, wanted),
    Math.min(wanted, Math.floor(Number(values.seconds) / each)),
  )
  const run = simulate({ scenario, experiment, replicates, randomOf })
  let step = run.next()
  let said = performance.now()
  while (step.done !== true) {
    if (performance.now() - said > 10_000) {
      said = performance.now()
      say(`${scenario.id} ${name}: ${step.value}/${replicates}`)
    }
    step = run.next()
  }
  const { mean, standardError } = step.value.regret
  const row = { scenario: scenario.id, name, mean, standardError, replicates }
  say(
    `${scenario.id} ${name}: ${mean.toFixed(1)} ± ${standardError.toFixed(1)}, reference ${cell.mean.toFixed(1)}, z ${scoreOf(cell, row).toFixed(2)}`,
  )
  return row
}

function scoreOf(cell: ReferenceCell, row: Row): number {
  return (row.mean - cell.mean) / Math.hypot(row.standardError, cell.standardError)
}

function say(text: string): void {
  process.stderr.write(
    `[${rows.size + 1}/${cells.length}, ${((performance.now() - started) / 60_000).toFixed(1)} min] ${text}\n`,
  )
}

function page(): string {
  const done = cells.flatMap((cell) => {
    const row = rows.get(cell)
    return row === undefined ? [] : [{ cell, row, z: scoreOf(cell, row) }]
  })
  const within = done.filter(({ z }) => Math.abs(z) <= 3).length
  const command = [
    "nice -n 10 node scripts/regret-table.ts",
    `--replicates ${values.replicates}`,
    `--seconds ${values.seconds}`,
    `--seed ${values.seed}`,
  ]
  const lines = done.map(({ cell, row, z }) => {
    const { mean, standardError, replicates } = row
    const policy = [cell.experiment.policy.kind, parameters(cell)].filter((part) => part !== "").join(" ")
    const columns = [
      cell.scenario.id,
      cell.name,
      policy,
      `${cell.mean.toFixed(1)} ± ${cell.standardError.toFixed(1)}`,
      `${mean.toFixed(1)} ± ${standardError.toFixed(1)}`,
      String(replicates),
      z.toFixed(2),
      Math.abs(z) <= 3 ? "same" : "DIFFERENT",
    ]
    return `| ${columns.join(" | ")} |`
  })
  return `${INTRODUCTION}
Run on ${new Date().toISOString().slice(0, 10)}: \`${command.join(" ")}\`
${within} of ${done.length} cells agree${done.length < cells.length ? ` (${cells.length - done.length} not run)` : ""}. Of that many, chance alone puts
${(done.length * 0.0027).toFixed(1)} beyond three standard errors.

| scenario | reference policy | our policy | reference | ours | replicates | z | verdict |
|---|---|---|---|---|---|---|---|
${lines.join("\n")}
`
}

/** The policy's parameters and memory as an experiment document has them, at one decision a second. */
function parameters({ experiment: { policy, memory } }: ReferenceCell): string {
  const { minPropensity, params } = policyChoice(policy)
  const own = JSON.stringify({
    ...(minPropensity > 0 ? { minPropensity } : {}),
    ...params,
    ...(memory.kind === "all" ? {} : { memory: rounded(memory) }),
  })
  return own === "{}" || policy.kind === "static" ? "" : `\`${own}\``
}

function rounded(memory: ReferenceCell["experiment"]["memory"]): object {
  if (memory.kind !== "discount") return memory
  return { kind: "discount", halfLifeSeconds: Number(memory.halfLifeSeconds.toFixed(1)) }
}
