import { asking, type RedisClient } from "./connection.ts"
import { RIGHTS_KEY } from "./keys.ts"
import { Script } from "./script.ts"

const RIGHTS = new Script("rights")

/**
 * What scripts and this program run beside them, with values that change nothing once the key holds a string. The first two make it one, the last
 * two take it away.
 */
export const TRIED: readonly string[] = [
  "set KEY a",
  "setrange KEY 0 a",
  "get KEY",
  "exists KEY",
  "hset KEY a 1",
  "hsetnx KEY a 1",
  "hget KEY a",
  "hmget KEY a",
  "hgetall KEY",
  "hexists KEY a",
  "hincrby KEY a 1",
  "hdel KEY a",
  "zadd KEY 1 a",
  "zrange KEY 0 0",
  "zrangebyscore KEY 0 0",
  "zscore KEY a",
  "zrem KEY a",
  "rpush KEY a",
  "lindex KEY 0",
  "llen KEY",
  "lpop KEY",
  "sadd KEY a",
  "smembers KEY",
  "time",
  `publish ${RIGHTS_KEY} a`,
  "unlink KEY",
  "del KEY",
]

/**
 * The rights that a user lacks of those that the program needs, such as `hset`. In a cluster, where each server has users of its own, they
 * are tried on one of them.
 *
 * @throws GatewayError `store_unavailable`
 */
export async function missingRights(client: RedisClient): Promise<readonly string[]> {
  return await asking("rights", async () => {
    try {
      return (await RIGHTS.run(client, [RIGHTS_KEY], TRIED)).map(String)
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith("NOPERM")) throw error
      // Scripts themselves, or the keys.
      return [/the '(\S+)' command/.exec(error.message)?.[1] ?? "~bandit:*"]
    }
  })
}
