import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { openLastAllocations } from "#src/adapters/node-files/last-allocations.ts"
import type { SharedAllocation } from "#src/ports/allocation-store.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

function allocation(revision: number, first: number): SharedAllocation {
  return { revision, stateVersion: 7, allocation: [first, 1 - first], reasons: ["policy", "policy"] }
}

it("has after a restart what it had before, the newest revision's of each", async () => {
  const folder = temporaryFolder()
  const before = await openLastAllocations(folder, createRememberingLogger())
  before.set("clicks", allocation(1, 0.5))
  before.set("clicks", allocation(3, 0.75))
  before.set("clicks", allocation(2, 0.25))
  await before.save()
  const after = await openLastAllocations(folder, createRememberingLogger())
  expect(after.get("clicks")).toEqual(allocation(3, 0.75))
  expect(after.get("sales")).toBeUndefined()
})

it("begins with none, and says so, whatever was done to the bytes; the next ones are kept again", async () => {
  const folder = temporaryFolder()
  const path = join(folder, "allocations.json")
  const before = await openLastAllocations(folder, createRememberingLogger())
  before.set("clicks", allocation(1, 0.5))
  await before.save()
  const whole = readFileSync(path)
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), async (end) => {
      writeFileSync(path, whole.subarray(0, end))
      const logger = createRememberingLogger()
      const damaged = await openLastAllocations(folder, logger)
      expect(damaged.get("clicks")).toBeUndefined()
      expect(logger.messages).toHaveLength(1)
      damaged.set("clicks", allocation(2, 0.75))
      await damaged.save()
      expect((await openLastAllocations(folder, createRememberingLogger())).get("clicks")).toEqual(allocation(2, 0.75))
    }),
    { numRuns: 30 },
  )
})

it("is not changed by a write that was broken off", async () => {
  const folder = temporaryFolder()
  const before = await openLastAllocations(folder, createRememberingLogger())
  before.set("clicks", allocation(1, 0.5))
  await before.save()
  writeFileSync(join(folder, "allocations.json.new"), '{"v":1,"alloc')
  const after = await openLastAllocations(folder, createRememberingLogger())
  expect(after.get("clicks")).toEqual(allocation(1, 0.5))
})
