import { join } from "node:path"
import { GatewayProcess } from "#test/crash/gateway-process.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

/** What gateways that share a store share besides. */
const KEYS = { SIGNING_KEYS: `k1:${"A".repeat(43)}`, UNIT_KEY: "B".repeat(43) }

/** Gateways over one store, each with a data folder that outlives it. */
export class Fleet {
  slowestStartMs = 0
  readonly #folders: readonly string[]
  readonly #settings: Readonly<Record<string, string>>
  readonly #gateways: (GatewayProcess | undefined)[] = []

  private constructor(folders: readonly string[], settings: Readonly<Record<string, string>>) {
    this.#folders = folders
    this.#settings = settings
  }

  /** The first serves with two threads, the others with one. */
  static async start(count: number, settings: Readonly<Record<string, string>>): Promise<Fleet> {
    const folders = Array.from({ length: count }, () => temporaryFolder())
    const fleet = new Fleet(folders, { ...KEYS, NODE_COMPILE_CACHE: temporaryFolder(), ...settings })
    await Promise.all(folders.map((_, index) => fleet.revive(index)))
    return fleet
  }

  get dataDirs(): readonly string[] {
    return this.#folders.map((folder) => join(folder, "data"))
  }

  /** Of those that live. */
  get addresses(): readonly string[] {
    return this.#gateways.flatMap((gateway) => gateway?.address ?? [])
  }

  async revive(index: number): Promise<void> {
    const settings = { ...this.#settings, THREADS: index === 0 ? "2" : "1" }
    const begunMs = performance.now()
    this.#gateways[index] = await GatewayProcess.start(this.#folders[index] as string, settings)
    this.slowestStartMs = Math.max(this.slowestStartMs, performance.now() - begunMs)
  }

  async kill(index: number): Promise<void> {
    const gateway = this.#gateways[index]
    this.#gateways[index] = undefined
    await gateway?.kill()
  }

  signal(index: number, name: "SIGSTOP" | "SIGCONT"): void {
    this.#gateways[index]?.signal(name)
  }

  /** @returns the exit codes */
  async stop(): Promise<readonly unknown[]> {
    return await Promise.all(this.#gateways.map(async (gateway) => await gateway?.stop()))
  }
}
