import { expect, it } from "vitest"
import { type PowerFailure, runChaos } from "#test/chaos/run-chaos.ts"

const SEED = process.env["SEED"] ?? String(Date.now())

it.each<[PowerFailure, string]>([
  ["log", "what was not synced is cut off their files"],
  ["store", "gateways lose their disks and Redis what was not synced"],
])(
  `loses and doubles no acknowledged reward under REWARD_DURABILITY=%s where %s (SEED=${SEED})`,
  {
    timeout: 600_000,
  },
  async (power) => {
    const { wrong, happened, decisions, summary } = await runChaos({
      seed: SEED,
      minutes: 0,
      rewards: 0,
      kills: 5,
      power,
    })
    expect({ wrong, happened }).toEqual({ wrong: [], happened })
    expect(decisions).toBeGreaterThan(100)
    process.stdout.write(`${summary}\n`)
  },
)
