import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"
import type { RunningGateway } from "#src/entry/running-gateway.ts"
import { document } from "./documents.ts"

const MODELS_DIR = fileURLToPath(new URL("../../examples/models", import.meta.url))
const FEATURES = { hour: "14102100", site_id: "1fbe01fe" }

/** What gateways that share a store share besides. */
const KEYS = { SIGNING_KEYS: `k1:${"A".repeat(43)}`, UNIT_KEY: "B".repeat(43) }

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** What clients of all gateways of a test were told. */
export class ToldClients {
  /** Answered with 200. */
  decisions = 0
  /** Sent and never acknowledged. */
  readonly unsure = new Set<string>()
  readonly acknowledged = new Set<string>()
}

/** A gateway in this process over a Redis that others may share, and its clients. */
export class RedisGateway {
  readonly #gateway: RunningGateway
  readonly #told: ToldClients
  readonly #said: readonly string[]
  /** Of its decisions that nobody has rewarded. */
  readonly #unrewarded: string[] = []

  private constructor(gateway: RunningGateway, told: ToldClients, said: readonly string[]) {
    this.#gateway = gateway
    this.#told = told
    this.#said = said
  }

  /** @param folder with its data and documents; it outlives the gateway */
  static async start(
    folder: string,
    redisUrl: string,
    told: ToldClients,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<RedisGateway> {
    writeFileSync(join(folder, "clicks.json"), document("clicks", { policy: { kind: "thompson" }, deadlineMs: 2_000 }))
    const said: string[] = []
    const config = parseConfig({
      PORT: "0",
      SHUTDOWN_DELAY_SECONDS: "0",
      LOG_LEVEL: "warn",
      MODELS_DIR,
      EXPERIMENTS_DIR: folder,
      DATA_DIR: join(folder, "data"),
      REDIS_URL: redisUrl,
      ...KEYS,
      ...settings,
    })
    return new RedisGateway(await startGateway(config, { write: (line) => said.push(line) }), told, said)
  }

  /** Its log so far, for people. */
  get said(): string {
    return this.#said.join("")
  }

  stop(): Promise<void> {
    return this.#gateway.stop()
  }

  async get(path: string): Promise<Answer> {
    return await answerOf(await fetch(`${this.#gateway.address}${path}`))
  }

  /** @returns the numbers that `/metrics` has under this name */
  async metric(name: string): Promise<number | undefined> {
    const text = await (await fetch(`${this.#gateway.address}/metrics`)).text()
    const value = new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]
    return value === undefined ? undefined : Number(value)
  }

  async post(path: string, body: unknown): Promise<Answer> {
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }
    return await answerOf(await fetch(`${this.#gateway.address}${path}`, init))
  }

  /** @returns the status */
  async predict(): Promise<number> {
    const unitId = `u${this.#told.decisions}`
    const { status, body } = await this.post("/predict", { experiment: "clicks", unitId, features: FEATURES })
    if (status !== 200) return status
    this.#told.decisions += 1
    this.#unrewarded.push(String(body["decision"]))
    return status
  }

  /** Rewards one of its decisions that nobody has rewarded yet. */
  async reward(): Promise<Answer> {
    const decision = this.#unrewarded.pop()
    if (decision === undefined) throw new Error("every decision has been rewarded")
    return await this.#send(decision)
  }

  /** Sends again what was never acknowledged. @returns how much of it still isn't */
  async insist(): Promise<number> {
    for (const decision of this.#told.unsure) await this.#send(decision)
    return this.#told.unsure.size
  }

  async #send(decision: string): Promise<Answer> {
    this.#told.unsure.add(decision)
    const answer = await this.post("/reward", { decision })
    if (answer.status >= 300) return answer
    this.#told.unsure.delete(decision)
    this.#told.acknowledged.add(decision)
    return answer
  }
}

async function answerOf(response: Response): Promise<Answer> {
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

interface Counted {
  readonly decisions: number
  readonly rewards: number
}

/** What `/admin/experiments/clicks/stats` adds up to. */
export async function countedBy(gateway: RedisGateway): Promise<Counted & { readonly excluded: number }> {
  const { body } = await gateway.get("/admin/experiments/clicks/stats")
  const variants = (body["variants"] ?? []) as readonly (Counted & { readonly excluded: number })[]
  const sum = (name: keyof (typeof variants)[number]) => variants.reduce((total, each) => total + each[name], 0)
  return { decisions: sum("decisions"), rewards: sum("rewards"), excluded: sum("excluded") }
}
