import type { AllocationStore, SharedAllocation } from "../../ports/allocation-store.ts"
import { asking, type RedisClient } from "./connection.ts"
import { ExperimentKeys } from "./keys.ts"
import { Script } from "./script.ts"

const ALLOCATION = new Script("allocation")

/** Published allocations in Redis, each beside the counters that it was computed from. */
export function createRedisAllocationStore(client: RedisClient): AllocationStore {
  const keysOf = (experiment: string): string[] => {
    const { allocation, meta, partial } = new ExperimentKeys(experiment)
    return [allocation, meta, partial]
  }
  return {
    read: (experiment) =>
      asking("allocation", async () => {
        const [text, ageMs, mark] = await ALLOCATION.run(client, keysOf(experiment), ["", "", ""])
        const allocation = text === "" ? undefined : (JSON.parse(String(text)) as SharedAllocation)
        return { allocation, ageMs: Number(ageMs), mark: String(mark) }
      }),
    publish: (experiment, allocation, mark) =>
      asking("publish allocation", async () => {
        const values = [mark, allocation.revision, JSON.stringify(allocation)]
        const [published] = await ALLOCATION.run(client, keysOf(experiment), values)
        return published === 1
      }),
  }
}
