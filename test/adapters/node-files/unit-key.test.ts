import { readFile, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, it } from "vitest"
import { keptUnitKey } from "#src/adapters/node-files/unit-key.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

it("makes a key once, for its owner's eyes, and reads it ever after", async () => {
  const folder = temporaryFolder()
  const { key } = await keptUnitKey(folder)
  expect(key).toHaveLength(32)
  expect((await keptUnitKey(folder)).key).toEqual(key)
  expect((await keptUnitKey(temporaryFolder())).key).not.toEqual(key)
  expect((await stat(join(folder, "unit-key"))).mode & 0o777).toBe(0o600)
})

it("refuses a damaged key file instead of giving every unit another pseudonym", async () => {
  const folder = temporaryFolder()
  await keptUnitKey(folder)
  const path = join(folder, "unit-key")
  await writeFile(path, (await readFile(path, "utf8")).slice(0, 20))
  await expect(keptUnitKey(folder)).rejects.toMatchObject({
    code: "config_invalid",
    message: expect.stringMatching(/restore it/),
  })
})
