/**
 * Lets faults happen to gateways, Redis and Kinesis for as long as you like, and looks whether anything was lost or doubled: the same as
 * `test/chaos`, which takes two minutes.
 *
 * `npm run chaos -- [--minutes 30] [--seed n]`
 */
import { spawnSync } from "node:child_process"
import { parseArgs } from "node:util"

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "30" }, seed: { type: "string", default: String(Date.now()) } },
})
const { minutes: MINUTES, seed: SEED } = values
if (!/^\d+(\.\d+)?$/.test(MINUTES) || Number(MINUTES) <= 0) {
  process.stderr.write(`--minutes ${MINUTES}: it is a number of minutes above 0\n`)
  process.exit(1)
}
process.stdout.write(`${MINUTES} minutes of faults, seed ${SEED}\n`)
const { status } = spawnSync("npx", ["vitest", "run", "--project", "node", "test/chaos/chaos.test.ts"], {
  stdio: "inherit",
  env: { ...process.env, MINUTES, SEED },
})
process.exit(status ?? 2)
