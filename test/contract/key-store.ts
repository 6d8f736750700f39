import { describe, expect, it } from "vitest"
import type { KeyStore, StoredKey } from "#src/ports/key-store.ts"

const NOON = Date.UTC(2026, 10, 21, 12)

function key(number: number, changes: Partial<StoredKey> = {}): StoredKey {
  return {
    id: number.toString(16).padStart(16, "0"),
    name: "ads",
    digest: String(number).padStart(43, "A"),
    permissions: ["predict", "force"],
    experiments: ["banner-ctr", "footer"],
    requestsPerSecond: 0.5,
    createdAt: NOON + number,
    createdBy: "first",
    expiresAt: NOON + 86_400_000,
    lastUsedAt: null,
    ...changes,
  }
}

/** What every key store promises. `open` gives a fresh one, `again` another one over what was written to it. */
export function keyStoreContract(
  name: string,
  open: () => Promise<{ readonly store: KeyStore; readonly again: () => Promise<KeyStore> }>,
): void {
  describe(`given ${name}`, () => {
    it("has no key at first", async () => {
      expect(await (await open()).store.all()).toEqual([])
    })

    it("gives keys as they were added, the oldest first, to whoever opens it later too", async () => {
      const { store, again } = await open()
      const unlimited = key(2, { experiments: null, requestsPerSecond: null, expiresAt: null })
      const keys = [key(1), unlimited, key(3)]
      for (const one of keys) await store.add(one)
      expect(await store.all()).toEqual(keys)
      expect(await (await again()).all()).toEqual(keys)
    })

    it("removes a key once, for good", async () => {
      const { store, again } = await open()
      await store.add(key(1))
      await store.add(key(2))
      expect(await store.remove(key(1).id)).toBe(true)
      expect(await store.remove(key(1).id)).toBe(false)
      expect(await store.all()).toEqual([key(2)])
      expect(await (await again()).all()).toEqual([key(2)])
    })

    it("raises when a key was last used, never lowers it, and brings none back", async () => {
      const { store, again } = await open()
      await store.add(key(1))
      await store.add(key(2))
      await store.used([
        { id: key(1).id, at: NOON + 5000 },
        { id: key(3).id, at: NOON + 5000 },
      ])
      await store.used([{ id: key(1).id, at: NOON + 4000 }])
      await store.used([])
      const expected = [key(1, { lastUsedAt: NOON + 5000 }), key(2)]
      expect(await store.all()).toEqual(expected)
      expect(await (await again()).all()).toEqual(expected)
    })

    it("loses nothing of what is written at once", async () => {
      const { store, again } = await open()
      const keys = Array.from({ length: 20 }, (_, number) => key(number))
      await Promise.all(keys.map((one) => store.add(one)))
      const odd = keys.filter((_, number) => number % 2 === 1)
      const removed = await Promise.all([
        ...odd.map(({ id }) => store.remove(id)),
        store.used([{ id: key(0).id, at: NOON }]),
        ...odd.map(({ id }) => store.remove(id)),
      ])
      expect(removed.filter((one) => one === true)).toHaveLength(odd.length)
      const left = new Map((await (await again()).all()).map(({ id, lastUsedAt }) => [id, lastUsedAt]))
      const even = keys.filter((_, number) => number % 2 === 0)
      expect(left).toEqual(new Map(even.map(({ id }) => [id, id === key(0).id ? NOON : null])))
    })
  })
}
