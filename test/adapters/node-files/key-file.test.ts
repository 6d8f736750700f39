import { mkdir, readFile, rmdir, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, it } from "vitest"
import { createKeyFile } from "#src/adapters/node-files/key-file.ts"
import type { StoredKey } from "#src/ports/key-store.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const KEY: StoredKey = {
  id: "00000000000000ff",
  name: "ads",
  digest: "A".repeat(43),
  permissions: ["predict"],
  experiments: null,
  requestsPerSecond: null,
  createdAt: 1,
  createdBy: "first",
  expiresAt: null,
  lastUsedAt: null,
}

it("is readable by its owner alone, and not there before there is a key", async () => {
  const dataDir = temporaryFolder()
  const store = createKeyFile(dataDir)
  await store.all()
  await expect(stat(join(dataDir, "api-keys.json"))).rejects.toMatchObject({ code: "ENOENT" })
  await store.add(KEY)
  expect((await stat(join(dataDir, "api-keys.json"))).mode & 0o777).toBe(0o600)
})

it.each([
  ["half of one", '{"v":1,"keys":[{"id":"00'],
  ["of a later version", '{"v":2,"keys":[]}'],
  ["with a permission that there isn't", JSON.stringify({ v: 1, keys: [{ ...KEY, permissions: ["everything"] }] })],
  ["empty", ""],
])("is refused where it is %s, and left as it is", async (_, text) => {
  const dataDir = temporaryFolder()
  const path = join(dataDir, "api-keys.json")
  await writeFile(path, text)
  const store = createKeyFile(dataDir)
  const refusal = { code: "config_invalid", message: expect.stringMatching(/api-keys\.json is not a file of API keys/) }
  await expect(store.all()).rejects.toMatchObject(refusal)
  await expect(store.add(KEY)).rejects.toMatchObject(refusal)
  expect(await readFile(path, "utf8")).toBe(text)
})

it("keeps what it had where a key can't be written", async () => {
  const dataDir = temporaryFolder()
  const store = createKeyFile(dataDir)
  await store.add(KEY)
  // What stands where the new file has to be made.
  await mkdir(join(dataDir, "api-keys.json.new", "x"), { recursive: true })
  await expect(store.add({ ...KEY, id: "00000000000000fe" })).rejects.toMatchObject({ code: "store_unavailable" })
  expect(await store.all()).toEqual([KEY])
  await rmdir(join(dataDir, "api-keys.json.new", "x"))
  await rmdir(join(dataDir, "api-keys.json.new"))
  await store.add({ ...KEY, id: "00000000000000fe" })
  expect(await createKeyFile(dataDir).all()).toHaveLength(2)
})
