import { createHash } from "node:crypto"
import { access, mkdir, readFile, rename, rm } from "node:fs/promises"
import { homedir } from "node:os"
import { dirname, join } from "node:path"

/**
 * The path of what is made from a source file, in the cache folder that `scripts/setup-tools.sh` uses too: made at first use and whenever the
 * source has changed.
 *
 * @param name a path in the cache folder
 * @param build makes it at the path that it is given. It is moved when it is finished, so that nobody finds half of it
 */
export async function builtOnce(
  name: string,
  source: string,
  build: (path: string) => Promise<unknown>,
): Promise<string> {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "bandit-gateway")
  const hash = createHash("sha256").update(await readFile(source))
  const path = join(cache, `${name}-${hash.digest("hex").slice(0, 12)}`)
  if (await exists(path)) return path
  await mkdir(dirname(path), { recursive: true })
  const unfinished = `${path}.${process.pid}`
  try {
    await build(unfinished)
    await rename(unfinished, path)
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
  return path
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    if (isAbsent(error)) return false
    throw error
  }
}

/** Whether a file or a command isn't there. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT"
}
