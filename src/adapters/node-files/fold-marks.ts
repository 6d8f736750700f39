import { readFile, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { readJson } from "../../domain/json-text.ts"
import type { LogPosition } from "../../domain/log-position.ts"
import type { FoldMarkStore, FoldMarks } from "../../ports/fold-marks.ts"
import type { Logger } from "../../ports/logger.ts"
import { readPosition } from "./position-json.ts"
import { isAbsent } from "./whole-file.ts"

/** Marks in a file of the data folder, replaced whole. Not synced: old marks are as good, only slower. */
export function createFoldMarkFile(dataDir: string, logger: Logger): FoldMarkStore {
  const path = join(dataDir, "fold-marks.json")
  let failed = false
  return {
    load: async () => {
      try {
        const marks = toMarks(readJson(await readFile(path, "utf8")))
        if (marks === undefined) logger.warn({ path }, "not fold marks; the whole log is looked through")
        return marks
      } catch (error) {
        if (!isAbsent(error))
          logger.warn({ path, err: error }, "fold marks can't be read; the whole log is looked through")
        return undefined
      }
    },
    save: async (marks) => {
      try {
        await writeFile(`${path}.new`, JSON.stringify({ v: 1, ...marks }))
        await rename(`${path}.new`, path)
        failed = false
      } catch (error) {
        if (!failed) logger.warn({ path, err: error }, "fold marks can't be written; the next start takes longer")
        failed = true
      }
    },
  }
}

function toMarks(value: unknown): FoldMarks | undefined {
  if (typeof value !== "object" || value === null || !("v" in value) || value.v !== 1) return undefined
  if (!("log" in value) || typeof value.log !== "string" || !("watermark" in value) || !("positions" in value)) {
    return undefined
  }
  const watermark = readPosition(value.watermark)
  if (watermark === undefined || typeof value.positions !== "object" || value.positions === null) return undefined
  const positions: Record<string, LogPosition> = {}
  for (const [experiment, given] of Object.entries(value.positions)) {
    const position = readPosition(given)
    if (position === undefined) return undefined
    positions[experiment] = position
  }
  return { log: value.log, watermark, positions }
}
