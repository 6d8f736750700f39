import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as z from "zod"
import { freePort } from "../../loadtest/server-process.ts"

const run = promisify(execFile)
const INSTRUCTION = /^([A-Z]+)\s+(.*)$/
/** Whom a test that runs as root starts the gateway as: someone who owns nothing. */
const NOBODY = 65_534

/** The Dockerfile's instructions in order; lines that end in a backslash go on. */
const INSTRUCTIONS = readFileSync("Dockerfile", "utf8")
  .replaceAll("\\\n", " ")
  .split("\n")
  .flatMap((line): [name: string, rest: string][] => {
    const [, name, rest] = INSTRUCTION.exec(line) ?? []
    return name === undefined || rest === undefined ? [] : [[name, rest]]
  })

function only(name: string): string {
  const found = INSTRUCTIONS.filter(([one]) => one === name)
  expect([name, found.length]).toEqual([name, 1])
  return found[0]?.[1] ?? ""
}

const words = (json: string): string[] => JSON.parse(json)

// No container runs here: the instructions are carried out in an empty folder, which stands for the image's root.
describe("given what the Dockerfile makes", { timeout: 300_000 }, () => {
  const root = mkdtempSync(join(tmpdir(), "bandit-gateway-image-"))
  const app = join(root, only("WORKDIR"))
  const data = join(root, only("VOLUME"))
  const asNobody = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
  const ignored = readFileSync(".dockerignore", "utf8")
    .split("\n")
    .filter((line) => line !== "")
  let environment: Record<string, string> = {}
  let gateway: ChildProcess | undefined

  beforeAll(async () => {
    chmodSync(root, 0o755)
    mkdirSync(app, { recursive: true })
    for (const [name, rest] of INSTRUCTIONS) {
      if (name === "COPY") copy(rest.split(/\s+/))
      if (name === "RUN") await carryOut(rest)
      if (name === "ENV") for (const [, key = "", value = ""] of rest.matchAll(/(\w+)=(\S+)/g)) environment[key] = value
    }
    environment = {
      ...environment,
      PORT: String(await freePort()),
      DATA_DIR: data,
      API_KEYS: "ads:predict:a-secret-of-eight",
    }
  }, 300_000)

  afterAll(async () => {
    if (gateway?.exitCode === null) {
      gateway.kill("SIGKILL")
      await once(gateway, "exit")
    }
    rmSync(root, { recursive: true })
  })

  function copy(paths: readonly string[]): void {
    const target = join(app, paths.at(-1) ?? "")
    for (const source of paths.slice(0, -1)) {
      expect(ignored).not.toContain(source)
      const isFolder = statSync(source).isDirectory()
      cpSync(source, isFolder ? target : join(target, source), { recursive: true })
    }
  }

  async function carryOut(command: string): Promise<void> {
    if (command.startsWith("install ")) {
      expect(command).toBe(`install --directory --owner=node --group=node ${only("VOLUME")}`)
      mkdirSync(data)
      if (process.getuid?.() === 0) chownSync(data, NOBODY, NOBODY)
      return
    }
    await run("sh", ["-c", command.replace("npm cache clean --force", "true")], { cwd: app, maxBuffer: 1 << 26 })
  }

  /** A command of the image, with nothing of this process's environment but where Node is. */
  function inImage([program = "", ...rest]: readonly string[]): ChildProcess {
    expect(program).toBe("node")
    return spawn(process.execPath, rest, {
      cwd: app,
      env: { ...environment },
      stdio: ["ignore", "pipe", "pipe"],
      ...asNobody,
    })
  }

  it("has no development dependency", () => {
    const lock = z
      .object({ packages: z.record(z.string(), z.object({ dev: z.boolean().default(false) })) })
      .parse(JSON.parse(readFileSync("package-lock.json", "utf8")))
    const development = Object.entries(lock.packages).filter(([, { dev }]) => dev)
    expect(development.length).toBeGreaterThan(50)
    expect(development.map(([path]) => path).filter((path) => existsSync(join(app, path)))).toEqual([])
    expect(existsSync(join(app, "node_modules/hono"))).toBe(true)
  })

  it("runs as a user who owns nothing but the data", () => {
    expect(only("USER")).toBe("node")
    const last = INSTRUCTIONS.findLastIndex(([name]) => name === "RUN" || name === "COPY")
    expect(INSTRUCTIONS.findIndex(([name]) => name === "USER")).toBeGreaterThan(last)
  })

  it("serves, says that it is well, writes to its data alone, and stops in order", async () => {
    const before = readdirSync(root, { recursive: true }).length
    gateway = inImage(words(only("CMD")))
    const output: string[] = []
    gateway.stdout?.on("data", (chunk) => output.push(String(chunk)))
    gateway.stderr?.on("data", (chunk) => output.push(String(chunk)))
    const url = `http://127.0.0.1:${environment["PORT"]}`
    await expect
      .poll(async () => (await answers(`${url}/readyz`)) || gateway?.exitCode !== null, { timeout: 20_000 })
      .toBe(true)
    expect([gateway.exitCode, output.join("")]).toEqual([null, expect.stringContaining("serves at")])
    const [, check = ""] = /CMD\s+(\[.*\])$/.exec(only("HEALTHCHECK")) ?? []
    expect(await exitOf(inImage(words(check)))).toBe(0)
    const prediction = await fetch(`${url}/predict`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer a-secret-of-eight" },
      body: JSON.stringify({ experiment: "banner-ctr", features: { hour: "14102100" } }),
    })
    expect(prediction.status).toBe(200)
    const written = readdirSync(data, { recursive: true }).length
    expect(written).toBeGreaterThan(0)
    expect(readdirSync(root, { recursive: true }).length - before).toBe(written)
    gateway.kill("SIGTERM")
    expect(await exitOf(gateway)).toBe(0)
    expect(await exitOf(inImage(words(check)))).toBe(1)
  })

  it("needs no program for its health check but Node", () => {
    expect(only("HEALTHCHECK")).not.toMatch(/curl|wget/)
  })
})

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok
  } catch (cause) {
    // Nobody listens yet.
    if (cause instanceof TypeError) return false
    throw cause
  }
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode
  const [code] = (await once(child, "exit")) as [number | null]
  return code
}
