import { readFile, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as z from "zod"
import type { FoldMarkStore } from "../../ports/fold-marks.ts"
import type { Logger } from "../../ports/logger.ts"

const position = z.object({ file: z.number().int(), offset: z.number().int(), hash: z.string() })
const schema = z.object({
  v: z.literal(1),
  log: z.string(),
  watermark: position,
  positions: z.record(z.string(), position),
})

/** Marks in a file of the data folder, replaced whole. Not synced: old marks are as good, only slower. */
export function createFoldMarkFile(dataDir: string, logger: Logger): FoldMarkStore {
  const path = join(dataDir, "fold-marks.json")
  let failed = false
  return {
    load: async () => {
      try {
        return schema.parse(JSON.parse(await readFile(path, "utf8")))
      } catch (error) {
        const isAbsent = error instanceof Error && "code" in error && error.code === "ENOENT"
        if (!isAbsent) logger.warn({ path, err: error }, "fold marks can't be read; the whole log is looked through")
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
