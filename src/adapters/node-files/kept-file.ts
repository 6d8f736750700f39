import { readIfThere, writeWhole } from "./whole-file.ts"

/** A text that is made once and kept in a file, readable by its owner alone. */
export interface KeptText {
  readonly text: string
  /** Why the file could not be written yet: the disk has no room. Undefined once it is kept. */
  readonly problem: string | undefined
  /** Tries again to write what could not be written. Never rejects. */
  keep(): Promise<void>
}

/** What a disk says that takes nothing now and may take something later. */
const NO_ROOM = new Set(["ENOSPC", "EDQUOT", "EIO"])

/**
 * The text of a file, or the text that is made where there is none. One process at a time owns the folder.
 *
 * @throws the file system's error, unless there is no room: the text then serves until the file can be written
 */
export async function keptText(path: string, make: () => string): Promise<KeptText> {
  // An empty file is what a full disk left: nothing was ever made of it.
  const written = (await readIfThere(path)) || undefined
  const text = written ?? make()
  let problem = written === undefined ? await tryToWrite(path, text) : undefined
  return {
    text,
    get problem() {
      return problem
    },
    keep: async () => {
      if (problem === undefined) return
      try {
        await writeWhole(path, text, 0o600)
        problem = undefined
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error)
      }
    },
  }
}

async function tryToWrite(path: string, text: string): Promise<string | undefined> {
  try {
    await writeWhole(path, text, 0o600)
    return undefined
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === undefined || !NO_ROOM.has(code)) throw error
    return message
  }
}
