import { createMemoryKeyStore } from "#src/adapters/memory/key-store.ts"
import { createKeyFile } from "#src/adapters/node-files/key-file.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { keyStoreContract } from "./key-store.ts"

keyStoreContract("keys in memory", async () => {
  const store = createMemoryKeyStore()
  return { store, again: async () => store }
})

keyStoreContract("keys in a file", async () => {
  const dataDir = temporaryFolder()
  return { store: createKeyFile(dataDir), again: async () => createKeyFile(dataDir) }
})
