/**
 * Lets faults happen to gateways, Redis and Kinesis for as long as you like, and looks whether anything was lost or doubled: the same as
 * `test/chaos`, which takes two minutes.
 *
 *   npm run chaos -- [--minutes 30] [--seed n]        every fault, one at a time
 *   npm run chaos -- --kills 100 --rewards 1000000    gateways and Redis are killed so often each, while so many rewards are sent
 *   npm run chaos -- --kills 100 --power log          a killed process loses what it had not synced
 *   npm run chaos -- --kills 100 --power store        Redis loses what it had not synced, a gateway its disk: REWARD_DURABILITY=store
 */
import { spawnSync } from "node:child_process"
import { parseArgs } from "node:util"

const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    seed: { type: "string", default: String(Date.now()) },
    kills: { type: "string" },
    rewards: { type: "string", default: "0" },
    power: { type: "string" },
  },
})
const { seed, kills, rewards, power } = values
const minutes = values.minutes ?? (kills === undefined ? "30" : "0")

const wrong = [
  ...[`--minutes ${minutes}`, `--rewards ${rewards}`, `--kills ${kills ?? 0}`]
    .filter((option) => !/ \d+(\.\d+)?$/.test(option))
    .map((option) => `${option}: it is a number, at least 0`),
  ...(power === undefined || power === "log" || power === "store" ? [] : [`--power ${power}: it is log or store`]),
  ...(power !== undefined && kills === undefined
    ? [`--power ${power}: it needs --kills, since it is what kills do`]
    : []),
]
if (wrong.length > 0) {
  process.stderr.write(`${wrong.join("\n")}\n`)
  process.exit(1)
}

const plan = {
  SEED: seed,
  MINUTES: minutes,
  REWARDS: rewards,
  ...(kills && { KILLS: kills }),
  ...(power && { POWER: power }),
}
process.stdout.write(
  `${Object.entries(plan)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ")}\n`,
)
const { status } = spawnSync("npx", ["vitest", "run", "--project", "node", "test/chaos/chaos.test.ts"], {
  stdio: "inherit",
  env: { ...process.env, ...plan },
})
process.exit(status ?? 2)
