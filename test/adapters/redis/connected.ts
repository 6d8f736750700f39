import { connect, type RedisAddress, untilReady } from "#src/adapters/redis/connection.ts"
import type { RedisClients } from "#src/adapters/redis/experiment-counters.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"

export interface ConnectedClients extends RedisClients {
  end(): void
}

/** Clients as a gateway has them. @param foldWithinMs a busy machine's servers may take longer than a gateway's would */
export async function connectClients(address: RedisAddress, foldWithinMs = 2_000): Promise<ConnectedClients> {
  const logger = createRememberingLogger()
  const clients = { folding: connect(address, foldWithinMs, logger), reading: connect(address, 5_000, logger) }
  for (const client of Object.values(clients)) {
    if (!(await untilReady(client, 10_000))) throw new Error("Redis can't be reached")
  }
  return {
    ...clients,
    end: () => {
      for (const client of Object.values(clients)) client.disconnect()
    },
  }
}
