import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { lockFolder } from "#src/adapters/sqlite/folder-lock.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

const LOCK_MODULE = new URL("../../../src/adapters/sqlite/folder-lock.ts", import.meta.url).href

describe("given a data folder", () => {
  it("makes it, and gives it to one owner at a time", async () => {
    const folder = join(temporaryFolder(), "made", "here")
    const lock = await lockFolder(folder)
    expect(existsSync(folder)).toBe(true)
    await expect(lockFolder(folder)).rejects.toMatchObject({ code: "config_invalid" })
    lock.release()
    ;(await lockFolder(folder)).release()
  })

  it("keeps it after the lock file was deleted", async () => {
    const folder = temporaryFolder()
    const lock = await lockFolder(folder)
    rmSync(join(folder, "gateway.lock"))
    const refused: unknown = await lockFolder(folder).catch((error: unknown) => error)
    // Its cause would be shown too, and has a zero byte.
    expect(refused).not.toHaveProperty("cause")
    expect(String(refused)).toContain(`${folder} is in use by another gateway`)
    lock.release()
    ;(await lockFolder(folder)).release()
  })

  it("knows it by any of its paths", async () => {
    const folder = temporaryFolder()
    const other = join(temporaryFolder(), "link")
    symlinkSync(folder, other)
    const lock = await lockFolder(folder)
    rmSync(join(folder, "gateway.lock"))
    await expect(lockFolder(other)).rejects.toThrow(/in use by another gateway/)
    lock.release()
  })

  it("is free again as soon as its owner was killed", async () => {
    const folder = temporaryFolder()
    const script = `import { lockFolder } from ${JSON.stringify(LOCK_MODULE)}
      await lockFolder(${JSON.stringify(folder)}); globalThis.gc(); console.log("locked"); setInterval(() => {}, 1000)`
    const owner = spawn(process.execPath, ["--expose-gc", "--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    })
    onTestFinished(() => void owner.kill("SIGKILL"))
    await once(owner.stdout, "data")
    await expect(lockFolder(folder)).rejects.toThrow(/in use/)
    rmSync(join(folder, "gateway.lock"))
    await expect(lockFolder(folder)).rejects.toThrow(/in use/)
    owner.kill("SIGKILL")
    await once(owner, "exit")
    ;(await lockFolder(folder)).release()
  })

  it("says why when it can't be made", async () => {
    const file = join(temporaryFolder(), "file")
    writeFileSync(file, "")
    await expect(lockFolder(join(file, "below"))).rejects.toThrow(/can't be used/)
  })
})
