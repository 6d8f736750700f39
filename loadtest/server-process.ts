import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { readFile } from "node:fs/promises"
import { createServer } from "node:net"
import { setTimeout as wait } from "node:timers/promises"

/** A server that runs beside the measurement, on a port of its own. */
export interface ServerProcess {
  readonly url: string
  /** Processor time that it and its children have used, in seconds, all threads. Linux. */
  cpuSeconds(): Promise<number>
  /** Memory that it holds, in bytes. Linux. */
  residentBytes(): Promise<number>
  /** Asks it to stop (SIGTERM) and waits until it has. */
  stop(): Promise<void>
}

const START_TIMEOUT_MS = 20_000
const POLL_MS = 50

/**
 * A command line that finds our tools where `scripts/setup-tools.sh` puts them, and Debian's servers in /usr/sbin.
 * The shell replaces itself, so that a signal reaches the tool.
 */
export function toolCommand(...command: readonly string[]): readonly [string, string[]] {
  const search = 'PATH="${XDG_CACHE_HOME:-$HOME/.cache}/bandit-gateway/bin:$PATH:/usr/sbin:/sbin" exec "$@"'
  return ["bash", ["-c", search, "bash", ...command]]
}

/** A port of the loopback address that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  if (address === null || typeof address === "string") throw new Error("the loopback address gave no port")
  return address.port
}

/**
 * Starts a server and waits until `path` answers with success.
 *
 * @param command the command line; its output goes to ours only where it fails to start
 * @throws Error when it ends or does not answer within 20 s
 */
export async function startServer(command: readonly string[], port: number, path: string): Promise<ServerProcess> {
  const child = spawn(...toolCommand(...command), { stdio: ["ignore", "pipe", "pipe"] })
  const output: string[] = []
  child.stdout.on("data", (chunk) => keepTail(output, String(chunk)))
  child.stderr.on("data", (chunk) => keepTail(output, String(chunk)))
  const url = `http://127.0.0.1:${port}`
  const giveUpAt = performance.now() + START_TIMEOUT_MS
  while (!(await answers(url + path))) {
    const ended = child.exitCode !== null || child.signalCode !== null
    if (ended || performance.now() > giveUpAt) {
      await stopProcess(child)
      throw new Error(`${command.join(" ")} ${ended ? "ended" : "did not answer"} while starting:\n${output.join("")}`)
    }
    await wait(POLL_MS)
  }
  const { pid } = child
  if (pid === undefined) throw new Error(`${command.join(" ")} has no process id`)
  return {
    url,
    cpuSeconds: () => cpuSeconds(pid),
    residentBytes: () => residentBytes(pid),
    stop: () => stopProcess(child),
  }
}

/** Enough to see why a server failed, never the whole of a long log. */
function keepTail(output: string[], chunk: string): void {
  output.push(chunk)
  if (output.length > 50) output.shift()
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url)
    await response.arrayBuffer()
    return response.ok
  } catch (cause) {
    // fetch throws TypeError while nobody listens yet.
    if (cause instanceof TypeError) return false
    throw cause
  }
}

/** Linux counts processor time in hundredths of a second (USER_HZ), whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100

async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8")
  // Fields 14 and 15, user and system time; the second field is a name in parentheses that may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  const own = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).split(" ").filter((id) => id !== "")
  const theirs = await Promise.all(children.map((id) => cpuSeconds(Number(id))))
  return theirs.reduce((sum, seconds) => sum + seconds, own)
}

async function residentBytes(pid: number): Promise<number> {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]
  return Number(kilobytes) * 1024
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill("SIGTERM")
  await once(child, "exit")
}
