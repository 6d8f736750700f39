import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { stripVTControlCharacters } from "node:util"
import { expect, it, onTestFinished } from "vitest"
import { temporaryFolder } from "../temporary-folder.ts"

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))
const BOUND_MS = 40_000

/**
 * What a command writes to a terminal of that width, which `script` plays.
 *
 * @param until the command is interrupted as by Ctrl-C once it has written this
 */
async function onTerminal(args: string, columns: number, until?: RegExp): Promise<string> {
  const shell = `stty cols ${columns} rows 40; exec "${process.execPath}" "${MAIN}" ${args}`
  const child = spawn("script", ["--quiet", "--return", "--command", shell, "/dev/null"], {
    env: {
      PATH: process.env["PATH"],
      TERM: "xterm",
      PORT: "0",
      DATA_DIR: temporaryFolder(),
      SHUTDOWN_DELAY_SECONDS: "0",
    },
    stdio: ["pipe", "pipe", "inherit"],
    timeout: BOUND_MS,
  })
  onTestFinished(() => void child.kill("SIGKILL"))
  let screen = ""
  let interrupted = false
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    screen += text
    if (until?.test(screen) !== true || interrupted) return
    interrupted = true
    child.stdin.write("\u0003")
  })
  await once(child, "close")
  return screen.replaceAll("\r\n", "\n")
}

/** Lines as they stand on the screen: without what moves the cursor, and only what was drawn last on each. */
function linesOf(screen: string): string[] {
  const text = stripVTControlCharacters(screen).replaceAll("^C", "")
  return text.split("\n").map((line) => line.split("\r").at(-1) ?? "")
}

it.each([60, 80, 120])(
  "serve breaks no word at %i columns, and says where it listens on lines of its own",
  async (columns) => {
    const screen = await onTerminal("serve", columns, /data {11}\S+\s/)
    const lines = linesOf(screen)
    expect(lines).toContainEqual(expect.stringMatching(/^bandit-gateway serves at http:\/\/127\.0\.0\.1:\d+$/))
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}documentation {2}http:\/\/127\.0\.0\.1:\d+\/docs$/))
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}data {11}\/\S+$/))
    expect(screen).not.toContain('{"level"')
    expect(screen).toContain("stopped")
    // A word that is longer than the terminal has a line of its own.
    expect(lines.filter((line) => line.length > columns && line.trim().includes(" "))).toEqual([])
  },
)

it.each([60, 80])("demo breaks no word at %i columns", async (columns) => {
  const lines = linesOf(await onTerminal("demo --decisions 300 --rate 2000 --seed 1", columns))
  expect(lines.join(" ")).toContain("an even split (expected)")
  expect(lines.filter((line) => line.length > columns)).toEqual([])
})

it("writes JSON lines alone where it is piped", async () => {
  const child = spawn(process.execPath, [MAIN, "serve"], {
    env: { PORT: "0", DATA_DIR: temporaryFolder(), SHUTDOWN_DELAY_SECONDS: "0" },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: BOUND_MS,
  })
  let piped = ""
  child.stdout.on("data", (text) => (piped += String(text)))
  child.stderr.on("data", (text) => {
    piped += String(text)
    child.kill("SIGTERM")
  })
  await once(child, "close")
  const messages = piped
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).message)
  expect(messages).toContainEqual(expect.stringMatching(/^bandit-gateway serves at http:\/\/127/))
  expect(messages).toContain("stopped")
})
