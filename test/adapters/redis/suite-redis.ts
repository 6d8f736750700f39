import { afterAll, beforeAll, beforeEach } from "vitest"
import { type ConnectedClients, connectClients } from "./connected.ts"
import { addressOf, type RedisServer, startRedis } from "./redis-servers.ts"

/** A server for the tests of a suite, emptied before each, and clients of it. Both are there when a test runs. */
export class SuiteRedis {
  #server: RedisServer | undefined
  #clients: ConnectedClients | undefined

  constructor() {
    beforeAll(async () => {
      this.#server = await startRedis()
      this.#clients = await connectClients(addressOf(this.#server))
    })
    beforeEach(async () => void (await this.server.admin.flushall()))
    afterAll(async () => {
      this.#clients?.end()
      await this.#server?.stop()
    })
  }

  get server(): RedisServer {
    if (this.#server === undefined) throw new Error("no test runs yet")
    return this.#server
  }

  /** What it holds now. @returns puts that back in place of whatever it holds then */
  async save(): Promise<() => Promise<void>> {
    const { admin } = this.server
    const names = await admin.keys("*")
    const values = await Promise.all(names.map(async (name) => [name, await admin.dumpBuffer(name)] as const))
    return async () => {
      const step = admin.multi().flushall()
      for (const [name, value] of values) if (value !== null) step.restore(name, 0, value)
      await step.exec()
    }
  }

  get clients(): ConnectedClients {
    if (this.#clients === undefined) throw new Error("no test runs yet")
    return this.#clients
  }
}
