import { mkdir } from "node:fs/promises"
import { dirname } from "node:path"
import { GatewayError } from "../../domain/errors.ts"
import { readJson } from "../../domain/json-text.ts"
import type { LogPosition } from "../../domain/log-position.ts"
import type { LogCursor } from "../../ports/log-cursor.ts"
import { readPosition } from "./position-json.ts"
import { readIfThere, writeWhole } from "./whole-file.ts"

/** A follower's cursors in one file, replaced whole and synced: one for the log of each thread. Its user is alone with the file. */
export class LogCursorFile {
  readonly #path: string
  #positions: Map<number, LogPosition> | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** @param thread whose log it is, from 1 */
  cursor(thread: number): LogCursor {
    return {
      load: async () => (await this.#load()).get(thread),
      save: async (position) => {
        const positions = await this.#load()
        positions.set(thread, position)
        try {
          await mkdir(dirname(this.#path), { recursive: true })
          await writeWhole(this.#path, `${textOf(positions)}\n`, 0o640)
        } catch (error) {
          throw unavailable(`${this.#path} can't be written`, error)
        }
      },
    }
  }

  async #load(): Promise<Map<number, LogPosition>> {
    this.#positions ??= new Map(await readCursorFile(this.#path))
    return this.#positions
  }
}

/** Up to where each log was taken, by its thread; none where there is no file. @throws GatewayError `store_unavailable` */
export async function readCursorFile(path: string): Promise<ReadonlyMap<number, LogPosition>> {
  let text: string | undefined
  try {
    text = await readIfThere(path)
  } catch (error) {
    throw unavailable(`${path} can't be read`, error)
  }
  if (text === undefined) return new Map()
  const positions = positionsIn(readJson(text))
  if (positions === undefined) throw unavailable(`${path} is not a log cursor: remove it to begin anew`, undefined)
  return positions
}

/** The first thread's place stands in the document itself, as in a cursor of a single log. */
function textOf(positions: ReadonlyMap<number, LogPosition>): string {
  const threads = Object.fromEntries([...positions].filter(([thread]) => thread > 1))
  return JSON.stringify({ v: 1, ...positions.get(1), ...(Object.keys(threads).length === 0 ? {} : { threads }) })
}

function positionsIn(value: unknown): Map<number, LogPosition> | undefined {
  if (typeof value !== "object" || value === null) return undefined
  const threads = "threads" in value && typeof value.threads === "object" ? (value.threads ?? {}) : {}
  const positions = new Map<number, LogPosition>()
  const first = readPosition(value)
  if (first !== undefined) positions.set(1, first)
  for (const [thread, given] of Object.entries(threads)) {
    const position = readPosition(given)
    if (position === undefined) return undefined
    positions.set(Number(thread), position)
  }
  return positions.size === 0 ? undefined : positions
}

function unavailable(what: string, cause: unknown): GatewayError {
  return new GatewayError("store_unavailable", { detail: `[log-cursor] ${what}`, cause })
}
