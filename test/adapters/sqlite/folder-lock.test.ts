import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { lockFolder } from "#src/adapters/sqlite/folder-lock.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const LOCK_MODULE = new URL("../../../src/adapters/sqlite/folder-lock.ts", import.meta.url).href

describe("given a data folder", () => {
  it("makes it, and gives it to one owner at a time", () => {
    const folder = join(temporaryFolder(), "made", "here")
    const lock = lockFolder(folder)
    expect(existsSync(folder)).toBe(true)
    expect(() => lockFolder(folder)).toThrow(expect.objectContaining({ code: "config_invalid" }))
    lock.release()
    lockFolder(folder).release()
  })

  it("is free again as soon as its owner was killed", async () => {
    const folder = temporaryFolder()
    const script = `import { lockFolder } from ${JSON.stringify(LOCK_MODULE)}
      lockFolder(${JSON.stringify(folder)}); globalThis.gc(); console.log("locked"); setInterval(() => {}, 1000)`
    const owner = spawn(process.execPath, ["--expose-gc", "--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    })
    onTestFinished(() => void owner.kill("SIGKILL"))
    await once(owner.stdout, "data")
    expect(() => lockFolder(folder)).toThrow(/in use/)
    owner.kill("SIGKILL")
    await once(owner, "exit")
    lockFolder(folder).release()
  })

  it("says why when it can't be made", () => {
    const file = join(temporaryFolder(), "file")
    writeFileSync(file, "")
    expect(() => lockFolder(join(file, "below"))).toThrow(/can't be used/)
  })
})
