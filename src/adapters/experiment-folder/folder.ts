import { readdir, readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { type DocumentCheck, type ReadDocument, readDocument } from "./document.ts"

const DOCUMENT = /\.(ya?ml|json)$/i

/**
 * Experiment documents of a folder, or the one document at a path: `*.yaml`, `*.yml`, `*.json`, by name. Two documents of one id: the second
 * is refused.
 *
 * @throws the file system's error when the folder itself can't be read
 */
export async function readDocuments(path: string, check: DocumentCheck): Promise<ReadDocument[]> {
  const files = (await stat(path)).isDirectory() ? await documentFiles(path) : [path]
  const documents = await Promise.all(
    files.map(async (file) => {
      try {
        return await readDocument(file, await readFile(file, "utf8"), check)
      } catch (error) {
        const message = `can't be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`
        return { ok: false, file, id: undefined, problems: [{ file, line: 1, column: 1, path: "", message }] } as const
      }
    }),
  )
  return refuseRepeatedIds(documents)
}

/** What tells whether a folder has changed since: names, sizes and times. Files that come through symbolic links are followed. */
export async function fingerprint(path: string): Promise<string> {
  const files = (await stat(path)).isDirectory() ? await documentFiles(path) : [path]
  const marks = await Promise.all(
    files.map(async (file) => {
      const { size, mtimeNs, ino } = await stat(file, { bigint: true })
      return `${file}:${size}:${mtimeNs}:${ino}`
    }),
  )
  return marks.join("\n")
}

async function documentFiles(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => DOCUMENT.test(name) && !name.startsWith("."))
  return names.sort().map((name) => join(folder, name))
}

function refuseRepeatedIds(documents: readonly ReadDocument[]): ReadDocument[] {
  const firstFile = new Map<string, string>()
  return documents.map((document) => {
    if (!document.ok) return document
    const { id } = document.experiment
    const first = firstFile.get(id)
    if (first === undefined) {
      firstFile.set(id, document.file)
      return document
    }
    const problem = { file: document.file, line: 1, column: 1, path: "id", message: `is already used by ${first}` }
    // No id: the experiment itself is fine, it is this file that is too many.
    return { ok: false, file: document.file, id: undefined, problems: [problem] }
  })
}
