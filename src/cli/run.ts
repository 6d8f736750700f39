import { ConfigError } from "../config.ts"
import { GatewayError } from "../domain/errors.ts"
import type { Command, Io } from "./command.ts"
import { refuse } from "./refusal.ts"
import { columnsOf, wrapped } from "./wrapped.ts"

/** The commands, loaded when they are called: a decision server needs no simulator. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import("./serve.ts")).serve,
  validate: async () => (await import("./validate.ts")).validate,
  allocate: async () => (await import("./allocate.ts")).allocate,
  simulate: async () => (await import("./simulate.ts")).simulate,
  evaluate: async () => (await import("./evaluate.ts")).evaluate,
  export: async () => (await import("./export.ts")).exportRows,
  rebuild: async () => (await import("./rebuild.ts")).rebuild,
  outcomes: async () => (await import("./outcomes.ts")).outcomes,
  keys: async () => (await import("./keys.ts")).keys,
  experiments: async () => (await import("./experiments.ts")).experiments,
  audit: async () => (await import("./audit.ts")).audit,
  demo: async () => (await import("./demo.ts")).demo,
}

const io: Io = { stdout: process.stdout, stderr: process.stderr, env: process.env }

/** Runs the command that the arguments name. @returns the exit code */
export async function run(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    io.stdout.write(await overview())
    return 0
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (load === undefined) {
    io.stderr.write(`bandit-gateway: there is no command "${name}".\n\n${await overview()}`)
    return 1
  }
  const command = await load()
  if (rest.includes("--help") || rest.includes("-h")) {
    io.stdout.write(wrapped(`${command.usage.trimEnd()}\n`, columnsOf(io.stdout)))
    return 0
  }
  try {
    return await command.run(rest, io)
  } catch (error) {
    return explain(error, name)
  }
}

async function overview(): Promise<string> {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()))
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(11)} ${summary}`)
  return `npm run cli -- <command> [options]\n\n${lines.join("\n")}\n\nMore on each: npm run cli -- <command> --help\n`
}

function complain(text: string): void {
  io.stderr.write(wrapped(text, columnsOf(io.stderr)))
}

/** Says why a command failed, and returns its exit code: 1 for the user's mistake, in a sentence; 2 for ours, with the stack that a report needs. */
function explain(error: unknown, name: string): number {
  if (error instanceof ConfigError) {
    const problems = error.problems.map((problem) => `  ${problem}\n`).join("")
    complain(
      `bandit-gateway ${name} can't start:\n${problems}Mend that and start again. The README has the table of settings.\n`,
    )
    return 1
  }
  if (error instanceof GatewayError) {
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ""
    complain(`bandit-gateway ${name}: ${error.message}${cause}\n`)
    return error.code === "config_invalid" ? 1 : 2
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  if (error instanceof Error && code.startsWith("ERR_PARSE_ARGS")) {
    refuse(io, name, error.message)
    return 1
  }
  complain(
    `bandit-gateway ${name} failed, and the fault is ours. Please report it with these lines:\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  )
  return 2
}
