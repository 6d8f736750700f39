import { readdir } from "node:fs/promises"
import { basename, join } from "node:path"
import { GatewayError } from "../../domain/errors.ts"
import type { Follower, Followers } from "../../ports/followers.ts"
import type { Logger } from "../../ports/logger.ts"
import { readCursorFile } from "./log-cursor.ts"
import { isAbsent } from "./whole-file.ts"

/** Every cursor file `dataDir/cursors/NAME.json` is a follower. One that can't be read has taken nothing: it holds the log back and is warned of. */
export function createFollowerCursors(dataDir: string, logger: Logger): Followers {
  const folder = join(dataDir, "cursors")
  const warned = new Set<string>()

  async function followerOf(file: string): Promise<Follower> {
    const name = basename(file, ".json")
    try {
      const positions = await readCursorFile(join(folder, file))
      warned.delete(name)
      return { name, positions }
    } catch (error) {
      if (!warned.has(name))
        logger.warn({ err: error, follower: name }, "a cursor can't be read: it holds the log back")
      warned.add(name)
      return { name, positions: new Map() }
    }
  }

  return {
    list: async () => {
      try {
        const files = (await readdir(folder)).filter((file) => file.endsWith(".json"))
        return await Promise.all(files.map(followerOf))
      } catch (cause) {
        if (isAbsent(cause)) return []
        throw new GatewayError("log_unavailable", { detail: `[cursors] ${folder} can't be listed`, cause })
      }
    },
  }
}
