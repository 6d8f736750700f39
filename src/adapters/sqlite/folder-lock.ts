import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { GatewayError } from "../../domain/errors.ts"

/** A database that nobody refers to is closed by the garbage collector, and its lock with it. */
const held = new Set<DatabaseSync>()

/** Held while a process owns a data folder. */
export interface FolderLock {
  release(): void
}

/**
 * Takes a data folder for this process: one gateway or one rebuild at a time writes there.
 *
 * The lock is the operating system's, on a small SQLite file, so it ends with its process however that ends; a file with a process id would
 * outlive a kill, and in a container every process is number 1.
 *
 * @throws GatewayError `config_invalid` when another process has it, or the folder can't be made
 */
export function lockFolder(folder: string): FolderLock {
  try {
    mkdirSync(folder, { recursive: true })
    const file = new DatabaseSync(join(folder, "gateway.lock"), { timeout: 0 })
    try {
      file.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE")
    } catch (error) {
      file.close()
      throw error
    }
    held.add(file)
    return {
      release: () => {
        held.delete(file)
        file.close()
      },
    }
  } catch (cause) {
    const busy = cause instanceof Error && /locked/.test(cause.message)
    throw new GatewayError("config_invalid", {
      detail: busy
        ? `${folder} is in use by another gateway: stop it, or choose another DATA_DIR`
        : `${folder} can't be used: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    })
  }
}
