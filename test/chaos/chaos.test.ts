import { expect, it } from "vitest"
import { type PowerFailure, runChaos } from "./run-chaos.ts"

const { SEED = String(Date.now()), MINUTES = "2", REWARDS = "0", KILLS, POWER } = process.env
const given = Object.entries({ SEED, MINUTES, REWARDS, KILLS, POWER }).flatMap(([name, value]) =>
  value === undefined ? [] : [`${name}=${value}`],
)
/** What ends by counts may take as long as it likes. */
const LONGEST_MS = 6 * 3_600_000

it(`loses and doubles nothing (${given.join(" ")} npx vitest run --project node test/chaos)`, {
  timeout: LONGEST_MS,
}, async () => {
  const { wrong, happened, decisions, summary } = await runChaos({
    seed: SEED,
    minutes: Number(MINUTES),
    rewards: Number(REWARDS),
    kills: KILLS === undefined ? undefined : Number(KILLS),
    power: POWER as PowerFailure | undefined,
  })
  expect({ wrong, happened }).toEqual({ wrong: [], happened })
  expect(decisions).toBeGreaterThan(100)
  process.stdout.write(`${summary}\n`)
})
