import { expect, it } from "vitest"
import { createMemoryKeyStore } from "#src/adapters/memory/key-store.ts"
import { createKeyFile } from "#src/adapters/node-files/key-file.ts"
import { rememberKeys } from "#src/app/last-known-keys.ts"
import { GatewayError } from "#src/domain/errors.ts"
import type { KeyStore, StoredKey } from "#src/ports/key-store.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

function key(id: string): StoredKey {
  return {
    id: id.padStart(16, "0"),
    name: "ads",
    digest: id.padStart(43, "A"),
    permissions: ["predict"],
    experiments: null,
    requestsPerSecond: null,
    createdAt: 1,
    createdBy: "first",
    expiresAt: null,
    lastUsedAt: null,
  }
}

/** A shared store that may be away, and gateways over it, each start of which has the same folder. */
function given() {
  const memory = createMemoryKeyStore()
  const state = { away: false }
  const shared: KeyStore = {
    ...memory,
    all: async () => {
      if (state.away) throw new GatewayError("store_unavailable", { detail: "[test] away" })
      return await memory.all()
    },
  }
  const dataDir = temporaryFolder()
  const start = () => rememberKeys(shared, createKeyFile(dataDir), createRememberingLogger())
  return { memory, state, start }
}

it("has at a start what it last knew, while the shared store is away, and what is there when it is back", async () => {
  const { memory, state, start } = given()
  const before = start()
  await before.add(key("1"))
  await before.add(key("2"))
  await before.all()
  await memory.remove(key("1").id)
  await before.all()
  state.away = true
  // Whoever has them needs no older ones.
  await expect(before.all()).rejects.toMatchObject({ code: "store_unavailable" })
  const after = start()
  expect(await after.all()).toEqual([key("2")])
  await memory.remove(key("2").id)
  expect(await after.all()).toEqual([key("2")])
  state.away = false
  expect(await after.all()).toEqual([])
  state.away = true
  expect(await start().all()).toEqual([])
})
