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

/** A gateway as `npm start` runs it, over a folder that outlives it. */
export class GatewayProcess {
  readonly address: string
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, address: string) {
    this.#child = child
    this.address = address
  }

  static async start(folder: string): Promise<GatewayProcess> {
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
      },
    })
    onTestFinished(() => void child.kill("SIGKILL"))
    let said = ""
    child.stderr.setEncoding("utf8")
    for await (const text of child.stderr) {
      said += String(text)
      const address = /serves at (\S+)/.exec(said)?.[1]
      if (address !== undefined) return new GatewayProcess(child, address)
    }
    throw new Error(`the gateway did not start: ${said}`)
  }

  async kill(): Promise<void> {
    const exit = once(this.#child, "exit")
    this.#child.kill("SIGKILL")
    await exit
  }

  /** @returns the exit code */
  async stop(): Promise<unknown> {
    const exit = once(this.#child, "exit")
    this.#child.kill("SIGTERM")
    const [code] = await exit
    return code
  }
}
