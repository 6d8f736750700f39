import type { KeyStore, StoredKey } from "../../ports/key-store.ts"
import { asking, type RedisClient } from "./connection.ts"
import { resultsOf } from "./experiment-reader.ts"
import { API_KEYS } from "./keys.ts"

/** API keys in Redis, all in one slot of a cluster: at most a thousand. When one was last used is a score beside it, which only rises. */
export function createRedisKeyStore(client: RedisClient): KeyStore {
  return {
    all: () =>
      asking("all API keys", async () => {
        const pipeline = client.pipeline().hgetall(API_KEYS.made).zrange(API_KEYS.used, "0", "-1", "WITHSCORES")
        const [made, used] = resultsOf(await pipeline.exec())
        const usedAt = pairsOf(used)
        return Object.values(made as Readonly<Record<string, string>>)
          .map((text) => {
            const key = JSON.parse(text) as StoredKey
            return { ...key, lastUsedAt: usedAt.get(key.id) || null }
          })
          .toSorted((a, b) => a.createdAt - b.createdAt || a.id.localeCompare(b.id))
      }),
    add: (key) =>
      asking("add an API key", async () => {
        const made = client.multi().hset(API_KEYS.made, key.id, JSON.stringify(key))
        resultsOf(await made.zadd(API_KEYS.used, key.lastUsedAt ?? 0, key.id).exec())
      }),
    remove: (id) =>
      asking("remove an API key", async () => {
        const [removed] = resultsOf(await client.multi().hdel(API_KEYS.made, id).zrem(API_KEYS.used, id).exec())
        return removed === 1
      }),
    used: (uses) =>
      asking("note uses of API keys", async () => {
        if (uses.length === 0) return
        const scores = uses.flatMap(({ id, at }) => [at, id])
        await client.zadd(API_KEYS.used, "XX", "GT", ...scores)
      }),
  }
}

/** Members and their scores, which Redis answers in turns. */
function pairsOf(list: unknown): ReadonlyMap<string, number> {
  const texts = list as readonly string[]
  return new Map(
    texts.flatMap((member, index) => (index % 2 === 0 ? [[member, Number(texts[index + 1])] as const] : [])),
  )
}
