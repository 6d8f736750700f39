import type { KeyStore, StoredKey } from "../../ports/key-store.ts"

/** Keys in this process only. */
export function createMemoryKeyStore(): KeyStore {
  const keys = new Map<string, StoredKey>()
  return {
    all: async () => [...keys.values()],
    add: async (key) => void keys.set(key.id, key),
    remove: async (id) => keys.delete(id),
    used: async (uses) => {
      for (const { id, at } of uses) {
        const key = keys.get(id)
        if (key !== undefined && at > (key.lastUsedAt ?? 0)) keys.set(id, { ...key, lastUsedAt: at })
      }
    },
  }
}
