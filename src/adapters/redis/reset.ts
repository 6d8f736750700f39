import type { RedisClient } from "./connection.ts"
import { CreditHours } from "./credit-hours.ts"
import { resultsOf } from "./experiment-reader.ts"
import type { ExperimentKeys } from "./keys.ts"

/** Forgets everything of an experiment's counters but the rise of their version. */
export async function resetCounters(client: RedisClient, keys: ExperimentKeys): Promise<void> {
  const { meta, logs, changed, hours, expiry, due, missing, owed } = keys
  const [known, credits, [seconds]] = await Promise.all([
    client.zrange(changed, "0", "-1"),
    new CreditHours(client, keys).allKeys(),
    client.time(),
  ])
  const step = client.multi()
  for (const key of [...credits, ...known, logs, changed, hours, expiry, due, missing, owed]) step.unlink(key)
  step.hincrby(meta, "version", 1)
  step.hincrby(meta, "gone", 1)
  // Without their mark other gateways take the counters for lost, and allocate nothing by them until their logs are folded again.
  step.hdel(meta, "purged", "generation", "lost", "closed", "awaited", "filling")
  // No checkpoint of before undoes it.
  step.hset(meta, "since", 1_000 * (Number(seconds) + 1))
  resultsOf(await step.exec())
}
