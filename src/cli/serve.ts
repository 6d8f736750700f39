import { parseConfig } from "../config.ts"
import { startGateway } from "../entry/node.ts"
import type { Command } from "./command.ts"

export const serve: Command = {
  name: "serve",
  summary: "Run the gateway (what npm start does)",
  usage: `bandit-gateway serve

Runs the gateway until SIGTERM or SIGINT, then finishes what is under way and writes everything down.
Settings are environment variables; the README has the table. The ones to know:
  PORT             8080
  HOST             127.0.0.1 (any other address needs API_KEYS)
  DATA_DIR         ./data
  EXPERIMENTS_DIR  folder of experiment documents (the example's by default)
  MODELS_DIR       folder of model folders (the example's by default)`,
  run: async (args, io) => {
    if (args.length > 0) {
      io.stderr.write(
        `bandit-gateway serve takes no arguments; settings are environment variables (PORT=9000 npm start)\n`,
      )
      return 1
    }
    const gateway = await startGateway(parseConfig(io.env))
    io.stderr.write(`bandit-gateway serves at ${gateway.address} (documentation at ${gateway.address}/docs)\n`)
    const { promise: stopped, resolve } = Promise.withResolvers<number>()
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        gateway.stop().then(
          () => resolve(0),
          (error: unknown) => {
            io.stderr.write(`bandit-gateway: not stopped cleanly: ${String(error)}\n`)
            resolve(2)
          },
        )
      })
    }
    return await stopped
  },
}
