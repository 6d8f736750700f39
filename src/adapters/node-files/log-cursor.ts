import { mkdir } from "node:fs/promises"
import { dirname } from "node:path"
import { GatewayError } from "../../domain/errors.ts"
import { readJson } from "../../domain/json-text.ts"
import type { LogCursor } from "../../ports/log-cursor.ts"
import { readPosition } from "./position-json.ts"
import { readIfThere, writeWhole } from "./whole-file.ts"

/** A cursor in a file, replaced whole and synced. */
export function createLogCursorFile(path: string): LogCursor {
  return {
    load: async () => {
      let text: string | undefined
      try {
        text = await readIfThere(path)
      } catch (error) {
        throw unavailable(`${path} can't be read`, error)
      }
      if (text === undefined) return undefined
      const position = readPosition(readJson(text))
      if (position === undefined) throw unavailable(`${path} is not a log cursor: remove it to begin anew`, undefined)
      return position
    },
    save: async (position) => {
      try {
        await mkdir(dirname(path), { recursive: true })
        await writeWhole(path, `${JSON.stringify({ v: 1, ...position })}\n`, 0o640)
      } catch (error) {
        throw unavailable(`${path} can't be written`, error)
      }
    },
  }
}

function unavailable(what: string, cause: unknown): GatewayError {
  return new GatewayError("store_unavailable", { detail: `[log-cursor] ${what}`, cause })
}
