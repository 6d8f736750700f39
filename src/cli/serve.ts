import { resolve } from "node:path"
import { type Config, parseConfig } from "../config.ts"
import { misspeltSettings } from "../entry/misspelt-settings.ts"
import { startGateway } from "../entry/node.ts"
import type { Command, Io, Output } from "./command.ts"
import { refuse } from "./refusal.ts"
import { columnsOf, wrapped } from "./wrapped.ts"

export const serve: Command = {
  name: "serve",
  summary: "Run the gateway (what npm start does)",
  usage: `npm start

Runs the gateway until Ctrl-C or SIGTERM. It then finishes what is under way
and writes everything down. Settings are environment variables, as in
PORT=9000 npm start. The README has the table; these are the ones to know:

  PORT             8080
  HOST             127.0.0.1 (any other address needs API_KEYS)
  THREADS          1 (auto: all cores but one)
  DATA_DIR         ./data
  EXPERIMENTS_DIR  folder of experiment documents (the example's by default)
  MODELS_DIR       folder of model folders (the example's by default)
  TARGETS_FILE     servers of models elsewhere

Logs are for people on a terminal and JSON lines elsewhere.`,
  run: async (args, io) => {
    if (args.length > 0) {
      refuse(io, "serve", "takes no arguments. Settings are environment variables: PORT=9000 npm start")
      return 1
    }
    const warnings = misspeltSettings(io.env)
    // Before the settings are read: a misspelt one may be why they are refused.
    for (const warning of warnings) say("warn", warning, io)
    const config = parseConfig(io.env)
    const gateway = await startGateway(config, io.stdout.isTTY === true ? terminalOf(io.stdout) : undefined, warnings)
    const { promise: stopped, resolve: settle } = Promise.withResolvers<number>()
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        gateway.stop().then(
          () => settle(0),
          (error: unknown) => {
            io.stderr.write(`bandit-gateway: not stopped cleanly: ${String(error)}\n`)
            settle(2)
          },
        )
      })
    }
    const died = gateway.died.then((error) => {
      const stack = error.cause instanceof Error ? `\n${error.cause.stack ?? ""}` : ""
      io.stderr.write(`bandit-gateway: ${error.message}${stack}\n`)
      return 2
    })
    // Last: whoever reads it may stop the gateway at once.
    announce(gateway.address, config, io)
    return await Promise.race([stopped, died])
  },
}

/** Log lines that fit the terminal as wide as it is at the moment, continued after the time. */
function terminalOf(output: Output): { write(text: string): unknown } {
  return { write: (text) => output.write(wrapped(text, columnsOf(output), "00:00:00 ".length)) }
}

/** Where it listens: lines for people on a terminal, elsewhere a line of a log. */
function announce(address: string, { dataDir }: Pick<Config, "dataDir">, io: Io): void {
  const sentence = `bandit-gateway serves at ${address}`
  const folder = resolve(dataDir)
  if (io.stderr.isTTY === true)
    io.stderr.write(`\n${sentence}\n  documentation  ${address}/docs\n  data           ${folder}\n\n`)
  else say("info", `${sentence} (documentation at ${address}/docs, data in ${folder})`, io)
}

/** A sentence on standard error: wrapped on a terminal; elsewhere a JSON line, like every other line of a log. */
function say(level: "info" | "warn", message: string, { stderr }: Io): void {
  const line = { level, time: new Date().toISOString(), message }
  stderr.write(stderr.isTTY === true ? wrapped(`${message}\n`, columnsOf(stderr)) : `${JSON.stringify(line)}\n`)
}
