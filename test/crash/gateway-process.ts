import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { onTestFinished } from "vitest"

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))
const MODELS = fileURLToPath(new URL("../../examples/models", import.meta.url))

const VARIANTS = [
  { id: "champion", backend: { kind: "embedded", model: "ctr-raw" } },
  { id: "challenger", backend: { kind: "embedded", model: "ctr-prefixed" } },
]

/** Both kinds of reward: one click, and purchases that add up. */
const EXPERIMENTS = [
  { id: "clicks", policy: { kind: "thompson" }, reward: { metric: "click" } },
  {
    id: "sales",
    policy: { kind: "static" },
    reward: { metric: "sale", kind: "value", bounds: [-100, 100], aggregation: "sum" },
  },
]

/** Far longer than a start takes, on a machine that does much else. */
const START_WITHIN_MS = 180_000

/** A gateway as `npm start` runs it, over a folder that outlives it. */
export class GatewayProcess {
  readonly address: string
  readonly #child: ChildProcess
  readonly #said: { readonly text: string }

  private constructor(child: ChildProcess, address: string, said: { readonly text: string }) {
    this.#child = child
    this.address = address
    this.#said = said
  }

  /** @param settings beside those that say where its folders are */
  static async start(folder: string, settings: Readonly<Record<string, string>> = {}): Promise<GatewayProcess> {
    const experiments = join(folder, "experiments")
    mkdirSync(experiments, { recursive: true })
    for (const document of EXPERIMENTS) {
      const text = JSON.stringify({ ...document, variants: VARIANTS, control: "champion" })
      writeFileSync(join(experiments, `${document.id}.json`), text)
    }
    const child = spawn(process.execPath, [MAIN, "serve"], {
      stdio: ["ignore", "ignore", "pipe"],
      env: {
        PORT: "0",
        DATA_DIR: join(folder, "data"),
        EXPERIMENTS_DIR: experiments,
        MODELS_DIR: MODELS,
        LOG_LEVEL: "error",
        // Fifty starts of the same code: compiled once.
        NODE_COMPILE_CACHE: join(folder, "compiled"),
        ...settings,
      },
    })
    onTestFinished(() => void child.kill("SIGKILL"))
    const said = { text: "" }
    const started = Promise.withResolvers<string>()
    child.stderr.setEncoding("utf8")
    child.stderr.on("data", (text: string) => {
      said.text += text
      const address = /serves at (\S+)/.exec(said.text)?.[1]
      if (address !== undefined) started.resolve(address)
    })
    const fail = (why: string) => started.reject(new Error(`the gateway ${why}: ${said.text}`))
    child.on("close", () => fail("did not start"))
    const timeout = setTimeout(() => fail("took too long to start"), START_WITHIN_MS)
    try {
      return new GatewayProcess(child, await started.promise, said)
    } finally {
      clearTimeout(timeout)
    }
  }

  /** @returns the exit code, when it has ended by itself, and what it said on standard error */
  async ended(): Promise<{ readonly code: unknown; readonly said: string }> {
    const code = this.#child.exitCode ?? (await once(this.#child, "exit"))[0]
    return { code, said: this.#said.text }
  }

  signal(name: "SIGSTOP" | "SIGCONT" | "SIGTERM"): void {
    this.#child.kill(name)
  }

  /** @throws Error where it had ended by itself */
  async kill(): Promise<void> {
    this.#expectAlive()
    const exit = once(this.#child, "exit")
    this.#child.kill("SIGKILL")
    await exit
  }

  /** @returns the exit code @throws Error where it had ended by itself */
  async stop(): Promise<unknown> {
    this.#expectAlive()
    const exit = once(this.#child, "exit")
    this.#child.kill("SIGTERM")
    const [code] = await exit
    return code
  }

  #expectAlive(): void {
    const { exitCode, signalCode } = this.#child
    if (exitCode === null && signalCode === null) return
    throw new Error(`the gateway had ended by itself (${exitCode ?? signalCode}): ${this.#said.text}`)
  }
}
