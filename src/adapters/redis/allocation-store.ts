import type { AllocationStore, SharedAllocation } from "../../ports/allocation-store.ts"
import { asking, type RedisClient } from "./connection.ts"
import { ExperimentKeys } from "./keys.ts"
import { Script } from "./script.ts"

const ALLOCATION = new Script("state", "allocation")

/**
 * Published allocations in Redis, each beside the counters that it was computed from.
 *
 * @param markOf the mark of the counters that this gateway folds into, empty where it has met none: what was computed from others, before anybody
 * said that those were lost, is not followed
 */
export function createRedisAllocationStore(
  client: RedisClient,
  markOf: (experiment: string) => string = () => "",
): AllocationStore {
  const keysOf = (experiment: string): string[] => {
    const { allocation, meta } = new ExperimentKeys(experiment)
    return [allocation, meta]
  }
  return {
    read: (experiment) =>
      asking("allocation", async () => {
        const [text, ageMs, mark, counters] = await ALLOCATION.run(client, keysOf(experiment), ["", "", ""])
        const known = markOf(experiment)
        const isOthers = known !== "" && known !== counters
        const allocation = text === "" || isOthers ? undefined : (JSON.parse(String(text)) as SharedAllocation)
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
