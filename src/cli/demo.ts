import { existsSync, readdirSync } from "node:fs"
import { parseArgs } from "node:util"
import type { Command, Io } from "./command.ts"
import { demonstrate, EXPERIMENT, loadScoredAds, measureExample, VARIANTS } from "./demo/demonstrate.ts"
import { type GatewayChild, startGatewayChild } from "./demo/gateway-child.ts"
import { GatewayClient } from "./demo/gateway-client.ts"
import { JsonOverHttp } from "./demo/http-json.ts"
import { LiveScreen } from "./demo/live-screen.ts"
import { VISITORS_AT_ONCE } from "./demo/play.ts"
import { introduction, outcomeDocument, summary } from "./demo/summary.ts"
import { refuse } from "./refusal.ts"
import { untilStopped } from "./until-stopped.ts"
import { columnsOf, wrapped } from "./wrapped.ts"

const MOST_DECISIONS = 1_000_000
const HIGHEST_RATE = 100_000

interface Settings {
  readonly decisions: number
  readonly ratePerSecond: number
  readonly seed: string
  readonly dataDir: string | undefined
  readonly json: boolean
}

export const demo: Command = {
  name: "demo",
  summary: "Start a gateway of its own and play synthetic ad traffic against it",
  usage: `npm run demo -- [--decisions N] [--rate N] [--seed TEXT] [--data-dir DIR]
                    [--json]

Starts a gateway with the example experiment on a free port of this machine.
Plays slates of five labelled ads against it, and posts the clicks back. Watch
how the allocation moves to the better model. It takes about a minute, and
Ctrl-C ends it early. Nothing is left behind without --data-dir.

  --decisions N   slates to play (45000)
  --rate N        slates per second, as far as the machine can (750)
  --seed TEXT     which slates and visitors (1)
  --data-dir DIR  leaves the gateway's data in DIR, which must be empty or new:
                  docs/evaluation.md says what its outcome log can tell
  --json          one JSON document at the end: {"seed","seconds","decisions",
                  "clicks","beforehand","variants","sameSlates"}`,
  run: async (args, io) => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        decisions: { type: "string", default: "45000" },
        rate: { type: "string", default: "750" },
        seed: { type: "string", default: "1" },
        "data-dir": { type: "string" },
        json: { type: "boolean", default: false },
      },
    })
    const dataDir = values["data-dir"]
    if (dataDir !== undefined && existsSync(dataDir) && readdirSync(dataDir).length > 0) {
      refuse(io, "demo", `--data-dir ${dataDir} is not empty: name a new folder`)
      return 1
    }
    const decisions = wholeNumber(values.decisions, MOST_DECISIONS)
    const ratePerSecond = wholeNumber(values.rate, HIGHEST_RATE)
    if (decisions === undefined || ratePerSecond === undefined || !/^[\w.-]{1,64}$/.test(values.seed)) {
      refuse(
        io,
        "demo",
        `--decisions must be a whole number from 1 to ${MOST_DECISIONS}, --rate one from 1 to ${HIGHEST_RATE}, --seed 1 to 64 letters, digits, dots, hyphens or underscores`,
      )
      return 1
    }
    return untilStopped((signal) =>
      run({ decisions, ratePerSecond, seed: values.seed, dataDir, json: values.json }, io, signal),
    )
  },
}

async function run(settings: Settings, io: Io, signal: AbortSignal): Promise<number> {
  const { seed, json } = settings
  const columns = columnsOf(io.stdout)
  const pool = await loadScoredAds()
  const beforehand = measureExample(pool)
  if (!json) io.stdout.write(`${wrapped(introduction(VARIANTS, beforehand, pool.ads.length), columns)}\n`)
  let gateway: GatewayChild | undefined
  let http: JsonOverHttp | undefined
  try {
    gateway = await startGatewayChild(io.env["PATH"], settings.dataDir)
    http = new JsonOverHttp(gateway.address, VISITORS_AT_ONCE + 1)
    const client = new GatewayClient(http, EXPERIMENT)
    const screen = new LiveScreen(json ? { write: () => true } : io.stdout)
    const outcome = await demonstrate({
      client,
      pool,
      beforehand,
      seed,
      traffic: settings,
      signal,
      show: (moment) => screen.show(moment),
    })
    io.stdout.write(
      json ? `${JSON.stringify(outcomeDocument(outcome, seed))}\n` : `\n${wrapped(summary(outcome), columns)}`,
    )
    return 0
  } catch (error) {
    const said = gateway === undefined ? "" : gateway.output()
    const message = `bandit-gateway demo: ${error instanceof Error ? error.message : String(error)}\n${said}`
    io.stderr.write(wrapped(message, columnsOf(io.stderr)))
    return 2
  } finally {
    http?.close()
    await gateway?.stop()
  }
}

function wholeNumber(text: string, largest: number): number | undefined {
  return /^[1-9]\d{0,8}$/.test(text) && Number(text) <= largest ? Number(text) : undefined
}
