import type { KeyStore, ReplaceableKeyStore, StoredKey } from "../ports/key-store.ts"
import type { Logger } from "../ports/logger.ts"

/**
 * A shared store whose keys are there at a start too while it is away: those that this gateway last knew. A key that was revoked elsewhere meanwhile
 * is among them until the store answers.
 *
 * @param kept this gateway's own
 */
export function rememberKeys(store: KeyStore, kept: ReplaceableKeyStore, logger: Logger): KeyStore {
  let last: readonly StoredKey[] | undefined
  let away = false

  const keep = async (keys: readonly StoredKey[]): Promise<void> => {
    const before = last
    last = keys
    if (before?.length === keys.length && keys.every(({ id }, index) => id === before[index]?.id)) return
    try {
      await kept.replace(keys)
    } catch (error) {
      last = before
      logger.warn({ err: error }, "API keys can't be kept for a start without the store")
    }
  }

  return {
    all: async () => {
      let keys: readonly StoredKey[]
      try {
        keys = await store.all()
      } catch (error) {
        // Whoever asked before has them.
        if (last !== undefined) throw error
        if (!away) logger.warn({ err: error }, "API keys are those that were last known: the store is away")
        away = true
        return await kept.all()
      }
      await keep(keys)
      return keys
    },
    add: (key) => store.add(key),
    remove: (id) => store.remove(id),
    used: (uses) => store.used(uses),
  }
}
