import { readFile, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, it } from "vitest"
import { keptSigningKey } from "#src/adapters/node-files/signing-keys.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

it("makes a key once, for its owner's eyes, and reads it ever after", async () => {
  const folder = temporaryFolder()
  const first = await keptSigningKey(folder)
  expect(first.key).toHaveLength(32)
  expect(await keptSigningKey(folder)).toMatchObject({ id: first.id, key: first.key, file: { problem: undefined } })
  expect((await stat(join(folder, "signing-key"))).mode & 0o777).toBe(0o600)
})

it("takes the empty file that a full disk once left for no key", async () => {
  const folder = temporaryFolder()
  await writeFile(join(folder, "signing-key"), "")
  const { key } = await keptSigningKey(folder)
  expect((await keptSigningKey(folder)).key).toEqual(key)
})

it("refuses a damaged key file instead of signing with another key", async () => {
  const folder = temporaryFolder()
  await keptSigningKey(folder)
  const path = join(folder, "signing-key")
  await writeFile(path, (await readFile(path, "utf8")).slice(0, 20))
  await expect(keptSigningKey(folder)).rejects.toMatchObject({
    code: "config_invalid",
    message: expect.stringMatching(/restore it/),
  })
})
