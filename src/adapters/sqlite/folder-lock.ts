import { mkdirSync, statSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { GatewayError } from "../../domain/errors.ts"

/** A database that nobody refers to is closed by the garbage collector, and its lock with it. */
const held = new Set<DatabaseSync>()

/** Held while a process owns a data folder. */
export interface FolderLock {
  /** Safe to call twice. */
  release(): void
}

/**
 * Takes a data folder for this process: one gateway or one rebuild at a time writes there.
 *
 * Two locks, both the operating system's, so that they end with their process however that ends; a file with a process id would outlive a
 * kill, and in a container every process is number 1. One is on a small SQLite file and holds between containers that share the folder. The
 * other is a socket without a file, named after the folder itself: on Linux it holds also after somebody has deleted the lock file.
 *
 * A disk that is full keeps nobody from taking the folder, as long as the folder is there.
 *
 * @throws GatewayError `config_invalid` when another process has it, or the folder can't be made
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  let releaseName = () => {}
  try {
    mkdirSync(folder, { recursive: true })
    releaseName = await holdName(folder)
    const file = lockFile(folder)
    return {
      release: () => {
        releaseName()
        if (held.delete(file)) file.close()
      },
    }
  } catch (cause) {
    releaseName()
    if (cause instanceof GatewayError) throw cause
    throw new GatewayError("config_invalid", {
      detail: `${folder} can't be used: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    })
  }
}

function inUse(folder: string, cause?: unknown): GatewayError {
  return new GatewayError("config_invalid", {
    detail: `${folder} is in use by another gateway: stop it, or choose another DATA_DIR`,
    cause,
  })
}

function lockFile(folder: string): DatabaseSync {
  const file = new DatabaseSync(join(folder, "gateway.lock"), { timeout: 0 })
  try {
    file.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE")
  } catch (cause) {
    file.close()
    throw cause instanceof Error && /locked/.test(cause.message) ? inUse(folder, cause) : cause
  }
  held.add(file)
  return file
}

/** Names in Linux's abstract namespace begin with a zero byte; they have no file that could be deleted. */
async function holdName(folder: string): Promise<() => void> {
  if (process.platform !== "linux") return () => {}
  const { dev, ino } = statSync(folder, { bigint: true })
  const server = createServer((connection) => void connection.destroy())
  const listening = Promise.withResolvers<boolean>()
  server.once("error", (error: NodeJS.ErrnoException) => {
    // The error's own text would show the name, which isn't printable.
    if (error.code === "EADDRINUSE") listening.reject(inUse(folder))
    // Where such sockets are forbidden, the file's lock is what there is.
    else listening.resolve(false)
  })
  server.listen({ path: `\0bandit-gateway:${dev}:${ino}`, exclusive: true }, () => listening.resolve(true))
  server.unref()
  return (await listening.promise) ? () => void server.close() : () => {}
}
