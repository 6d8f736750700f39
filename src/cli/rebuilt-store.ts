import { connect, untilReady } from "../adapters/redis/connection.ts"
import { createRedisCounterStore } from "../adapters/redis/counter-store.ts"
import { createRedisExperimentStore } from "../adapters/redis/experiment-store.ts"
import { createSqliteCounterStore } from "../adapters/sqlite/counter-store.ts"
import { Database } from "../adapters/sqlite/database.ts"
import { createSqliteExperimentStore } from "../adapters/sqlite/experiment-store.ts"
import { parseConfig } from "../config.ts"
import { GatewayError } from "../domain/errors.ts"
import type { CounterArchive } from "../ports/counter-archive.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { ExperimentStore } from "../ports/experiment-store.ts"
import type { Logger } from "../ports/logger.ts"
import type { SharedCounters } from "../ports/shared-counters.ts"

/** Nobody waits for an answer but the person at the terminal. */
const ANSWER_WITHIN_MS = 30_000
const CONNECT_WITHIN_MS = 5_000

/** Counters and revisions that `rebuild` makes anew or checks. */
export interface RebuiltStore {
  readonly counters: CounterStore & CounterArchive
  readonly experiments: ExperimentStore
  /** The same counters where gateways share them; undefined where they are the folder's own. */
  readonly shared: (CounterStore & CounterArchive & SharedCounters) | undefined
  close(): Promise<void>
}

/**
 * The store that the gateways of a folder fold into: Redis where `REDIS_URL` is set, else the folder's database.
 *
 * @throws ConfigError, GatewayError `store_unavailable` when Redis can't be reached
 */
export async function openRebuiltStore(
  environment: Readonly<Record<string, string | undefined>>,
  path: string,
  readOnly: boolean,
  logger: Logger,
): Promise<RebuiltStore> {
  const { redis } = parseConfig({ REDIS_URL: environment["REDIS_URL"] })
  if (redis === undefined) {
    const database = new Database({ path, readOnly }, logger)
    return {
      counters: createSqliteCounterStore(database),
      experiments: createSqliteExperimentStore(database),
      shared: undefined,
      close: () => database.close(),
    }
  }
  const client = connect(redis, ANSWER_WITHIN_MS, logger)
  if (!(await untilReady(client, CONNECT_WITHIN_MS))) {
    client.disconnect()
    throw new GatewayError("store_unavailable", { detail: "REDIS_URL can't be reached: start Redis, or unset it" })
  }
  const clock = { now: () => Date.now(), monotonicMs: () => performance.now() }
  const counters = createRedisCounterStore({ folding: client, reading: client }, clock, logger)
  return {
    counters,
    shared: counters,
    experiments: createRedisExperimentStore(client),
    close: async () => client.disconnect(),
  }
}
