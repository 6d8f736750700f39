import { expect, it } from "vitest"
import { type PowerFailure, runChaos } from "#test/chaos/run-chaos.ts"
import { newerServer } from "./newer-server.ts"

const SEED = process.env["SEED"] ?? String(Date.now())

it.each<[PowerFailure, string, string | undefined]>([
  ["log", "what was not synced is cut off their files", undefined],
  ["store", "gateways lose their disks and Redis what was not synced", undefined],
  [
    "store",
    "gateways lose their disks and a Redis that syncs every second what was not",
    newerServer("redis-server-8"),
  ],
])(
  `loses and doubles no acknowledged reward under REWARD_DURABILITY=%s where %s (SEED=${SEED})`,
  {
    timeout: 600_000,
  },
  async (power, _, everySecond) => {
    const { wrong, happened, decisions, summary } = await runChaos({
      seed: SEED,
      minutes: 0,
      rewards: 0,
      kills: 5,
      power,
      everySecond,
    })
    expect({ wrong, happened }).toEqual({ wrong: [], happened })
    expect(decisions).toBeGreaterThan(100)
    process.stdout.write(`${summary}\n`)
  },
)
