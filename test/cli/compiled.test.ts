import { execFile } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { temporaryFolder } from "#test/temporary-folder.ts"

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL("../../", import.meta.url))

/** `--help` loads every command. */
async function help(environment: Record<string, string> = {}) {
  const { NODE_COMPILE_CACHE: _, ...env } = process.env
  return await run(process.execPath, ["src/cli/main.ts", "--help"], { cwd: ROOT, env: { ...env, ...environment } })
}

describe("given that most of a start is compiling", () => {
  it("keeps what was compiled for the next start, all of what the commands import", async () => {
    const folder = temporaryFolder()
    await help({ NODE_COMPILE_CACHE: folder })
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    expect(files.length).toBeGreaterThan(500)
  })

  it("starts all the same where nothing can be written", async () => {
    const [unkept, kept] = [await help({ NODE_COMPILE_CACHE: "/dev/null/compiled" }), await help()]
    expect(unkept).toEqual(kept)
    expect(kept.stderr).toBe("")
    expect(existsSync(join(ROOT, "node_modules/.cache/bandit-gateway"))).toBe(true)
  })
})
