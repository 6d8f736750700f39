/**
 * What sending outcomes to a stream and counting in Redis cost a prediction: an open loop at a fixed rate over a gateway without either, with
 * `KINESIS_STREAM`, and with `REDIS_URL` as well, in turns. Each gateway has one core for all of its threads; the client, Redis and the stream, which
 * takes everything, have the other. Prints medians; asserts none.
 *
 *   npm run bench:stream -- [--rate 2500] [--seconds 8] [--rounds 3] [--connections 64] [--rewards 0] [--json]
 *
 * `--rewards 0.1`: for a tenth of the predictions a reward comes back.
 */
import { rm } from "node:fs/promises"
import { parseArgs } from "node:util"
import { type Gateway, startGateway } from "./gateway.ts"
import { mediansInTurns } from "./medians.ts"
import { runPaced } from "./paced-run.ts"
import { startRedisServer } from "./redis-server.ts"
import { freePort, startServer } from "./server-process.ts"
import { runWrk } from "./wrk-run.ts"

const SERVER_CORE = 0
const CLIENT_CORE = 1
const WARM_UP_SECONDS = 6
/** Of each run, not counted. */
const SETTLE_SECONDS = 2

interface Contestant {
  readonly name: string
  readonly gateway: Gateway
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rate: { type: "string", default: "2500" },
      seconds: { type: "string", default: "8" },
      rounds: { type: "string", default: "3" },
      connections: { type: "string", default: "64" },
      rewards: { type: "string", default: "0" },
      json: { type: "boolean", default: false },
    },
  })
  const connections = Number(values.connections)
  const port = await freePort()
  const pin = ["taskset", "-c", String(CLIENT_CORE)]
  const stream = await startServer([...pin, process.execPath, "loadtest/stream-sink.ts", String(port)], port, "/")
  const redis = await startRedisServer(["--appendonly", "yes"], CLIENT_CORE)
  const contestants: Contestant[] = []
  try {
    const settings = { LOG_LEVEL: "error", OVERLOAD_LIMITS: "off" }
    const sending = {
      ...settings,
      KINESIS_STREAM: "bench",
      AWS_ENDPOINT_URL_KINESIS: stream.url,
      AWS_REGION: "eu-west-1",
      AWS_ACCESS_KEY_ID: "any",
      AWS_SECRET_ACCESS_KEY: "any",
    }
    contestants.push({ name: "without a stream", gateway: await startGateway(SERVER_CORE, ".", settings) })
    contestants.push({ name: "with a stream", gateway: await startGateway(SERVER_CORE, ".", sending) })
    const counting = { ...sending, REDIS_URL: `redis://127.0.0.1:${redis.port}` }
    contestants.push({ name: "with a stream and Redis", gateway: await startGateway(SERVER_CORE, ".", counting) })
    for (const { gateway } of contestants) {
      await runWrk(gateway, { core: CLIENT_CORE, connections, seconds: WARM_UP_SECONDS })
    }
    const load = {
      core: CLIENT_CORE,
      connections,
      seconds: Number(values.seconds),
      settleSeconds: SETTLE_SECONDS,
      requestsPerSecond: Number(values.rate),
      rewardShare: Number(values.rewards),
    }
    const measured = await mediansInTurns(contestants, Number(values.rounds), async ({ gateway }) => {
      const { predictions, cpuUs, requestsPerSecond } = await runPaced(gateway, load)
      return { ...predictions, cpuUs, requestsPerSecond }
    })
    const rows = measured.map(([{ name }, figures]) => ({ name, ...figures }))
    if (values.json) console.log(JSON.stringify(rows))
    else console.table(rows)
    for (const { name, gateway } of contestants) console.log(`${name}: ${(await sentBy(gateway)).join(", ")}`)
  } finally {
    for (const { gateway } of contestants) {
      await gateway.stop()
      await rm(gateway.dataDir, { recursive: true })
    }
    await stream.stop()
    await redis.stop()
  }
}

/** How the gateway says that the stream is: what was measured has to have been sent. */
async function sentBy({ url }: Gateway): Promise<readonly string[]> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return text
    .split("\n")
    .filter((line) => /^bandit_(stream_(events_sent|calls|backlog_events|lag)|log_lines |folds)/.test(line))
}

await main()
