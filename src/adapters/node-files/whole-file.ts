import { open, readFile, rename, rm } from "node:fs/promises"

/** Writes a file whole or not at all: under another name first, synced, then renamed. @throws the file system's error: what was there still is */
export async function writeWhole(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const unfinished = `${path}.new`
  try {
    const file = await open(unfinished, "w", mode)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(unfinished, path)
  } catch (error) {
    // On a full disk half a file would be in the way of what frees it.
    await rm(unfinished, { force: true })
    throw error
  }
}

/** The text of a file; undefined where there is none. @throws the file system's error */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8")
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** Whether a file system says that there is no such file or folder. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT"
}
