import { mkdir, open, readFile, rename } from "node:fs/promises"
import { dirname } from "node:path"
import { GatewayError } from "../../domain/errors.ts"
import type { LogCursor } from "../../ports/log-cursor.ts"
import { readJson, readPosition } from "./position-json.ts"

/** A cursor in a file, replaced whole and synced. */
export function createLogCursorFile(path: string): LogCursor {
  return {
    load: async () => {
      let text: string
      try {
        text = await readFile(path, "utf8")
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined
        throw unavailable(`${path} can't be read`, error)
      }
      const position = readPosition(readJson(text))
      if (position === undefined) throw unavailable(`${path} is not a log cursor: remove it to begin anew`, undefined)
      return position
    },
    save: async (position) => {
      try {
        await mkdir(dirname(path), { recursive: true })
        const file = await open(`${path}.new`, "w", 0o640)
        try {
          await file.writeFile(`${JSON.stringify({ v: 1, ...position })}\n`)
          await file.sync()
        } finally {
          await file.close()
        }
        await rename(`${path}.new`, path)
      } catch (error) {
        throw unavailable(`${path} can't be written`, error)
      }
    },
  }
}

function unavailable(what: string, cause: unknown): GatewayError {
  return new GatewayError("store_unavailable", { detail: `[log-cursor] ${what}`, cause })
}
