import { afterAll, beforeAll, describe } from "vitest"
import { createRedisCounterStore } from "#src/adapters/redis/counter-store.ts"
import { createRedisExperimentStore } from "#src/adapters/redis/experiment-store.ts"
import { createRedisKeyStore } from "#src/adapters/redis/key-store.ts"
import { type ConnectedClients, connectClients } from "#test/adapters/redis/connected.ts"
import { addressOf, type RedisServer, startCluster, startRedis } from "#test/adapters/redis/redis-servers.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { counterStoreContract } from "./counter-store.ts"
import { experimentStoreContract } from "./experiment-store.ts"
import { keyStoreContract } from "./key-store.ts"

/** Servers that the suites share; each test finds them empty. */
interface Shared {
  clients: ConnectedClients
  servers: readonly RedisServer[]
  stop(): Promise<void>
}

/** All suites of stores in Redis: on one server, and on a cluster. @param program the server that is started */
export function redisStoreContracts(name: string, program?: string): void {
  contracts(name, async () => {
    const server = await startRedis([], [], {}, program)
    return { clients: await connectClients(addressOf(server)), servers: [server], stop: () => server.stop() }
  })

  contracts(`a cluster of ${name}`, async () => {
    const cluster = await startCluster(3, undefined, program === undefined ? {} : { program })
    return {
      clients: await connectClients(cluster.address),
      servers: cluster.masters,
      stop: () => cluster.stop(),
    }
  })
}

function contracts(name: string, start: () => Promise<Shared>): void {
  describe(`given ${name}`, () => {
    let shared: Shared
    beforeAll(async () => {
      shared = await start()
    })
    afterAll(async () => {
      shared.clients.end()
      await shared.stop()
    })
    const emptied = async () => void (await Promise.all(shared.servers.map(({ admin }) => admin.flushall())))

    counterStoreContract(`counters in ${name}`, async (clock) => {
      await emptied()
      return createRedisCounterStore(shared.clients, clock, createRememberingLogger())
    })
    experimentStoreContract(`experiments in ${name}`, async () => {
      await emptied()
      return createRedisExperimentStore(shared.clients.folding)
    })
    keyStoreContract(`keys in ${name}`, async () => {
      await emptied()
      const open = () => createRedisKeyStore(shared.clients.reading)
      return { store: open(), again: async () => open() }
    })
  })
}
