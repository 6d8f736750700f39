import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import type { BackendCheck, DocumentSource, SourceDocument } from "../../ports/document-source.ts"
import { checkDocument, MAX_DOCUMENT_BYTES, type ParsedText, unreadable } from "./document.ts"
import { DocumentParser } from "./document-parser.ts"
import { type Entry, lookAt, readText } from "./regular-file.ts"

/** Files looked at together: a folder of many leaves room in the thread pool for those who are served. */
const AT_ONCE = 8

const DOCUMENT = /\.(ya?ml|json)$/i

/** A file as it was last read. */
interface KnownFile {
  readonly entry: Entry
  readonly parsed: ParsedText
  readonly document: SourceDocument
}

/**
 * Experiment documents of a folder, or the one document at a path: `*.yaml`, `*.yml`, `*.json`, by name. Only regular files are read, each on
 * its own; a file is read again when it was written since. Of two documents of one experiment the second is refused.
 */
export class ExperimentFolder implements DocumentSource {
  readonly name: string
  readonly #check: BackendCheck
  readonly #parser = new DocumentParser()
  #known: ReadonlyMap<string, KnownFile> = new Map()

  constructor(path: string, check: BackendCheck) {
    this.name = path
    this.#check = check
  }

  /** @throws the file system's error when the folder itself can't be read */
  async look(): Promise<readonly SourceDocument[]> {
    const files = (await stat(this.name)).isDirectory() ? await documentFiles(this.name) : [this.name]
    const known = new Map<string, KnownFile>()
    for (let from = 0; from < files.length; from += AT_ONCE) {
      const some = files.slice(from, from + AT_ONCE)
      const looked = await Promise.all(some.map(async (file) => [file, await this.#lookAt(file)] as const))
      for (const [file, found] of looked) known.set(file, found)
    }
    this.#known = known
    return refuseRepeatedNames(refuseRepeatedIds([...known.values()]), known)
  }

  async #lookAt(file: string): Promise<KnownFile> {
    const entry = await lookAt(file)
    const before = this.#known.get(file)
    const same = before !== undefined && markOf(before.entry) === markOf(entry)
    // What can't be served may be served meanwhile: a model has arrived.
    if (same && (before.document.ok || before.parsed.backends.length === 0)) return before
    const parsed = same ? before.parsed : await this.#read(file, entry)
    const document = await checkDocument(file, parsed, this.#check)
    const anonymous = entry.ok && !document.ok && document.anonymous
    const said = document.ok ? "" : JSON.stringify(document.problems)
    return {
      entry,
      parsed,
      document: { ...document, ...(document.ok ? {} : { anonymous }), version: `${markOf(entry)} ${said}` },
    }
  }

  async #read(file: string, entry: Entry): Promise<ParsedText> {
    const contents = entry.ok ? await readText(file, MAX_DOCUMENT_BYTES) : entry
    return contents.ok ? await this.#parser.parse(contents.text) : unreadable(contents.reason)
  }
}

function markOf(entry: Entry): string {
  return entry.ok ? entry.mark : entry.reason
}

async function documentFiles(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => DOCUMENT.test(name) && !name.startsWith("."))
  return names.sort().map((name) => join(folder, name))
}

function refuseRepeatedIds(files: readonly KnownFile[]): SourceDocument[] {
  const firstFile = new Map<string, string>()
  return files.map(({ document, parsed }) => {
    if (parsed.id === undefined) return document
    const { text, line, column } = parsed.id
    const first = firstFile.get(text)
    if (first === undefined) {
      firstFile.set(text, document.file)
      return document
    }
    const { file, version } = document
    const problem = { file, line, column, path: "id", message: `is already used by ${first}` }
    const problems = document.ok ? [problem] : [problem, ...document.problems]
    // No id: the experiment is the first file's, it is this one that is too many.
    return { ok: false, file, version: `${version} repeats ${first}`, id: undefined, anonymous: false, problems }
  })
}

/** A name that an earlier document has, as its id or as one of its names. */
function refuseRepeatedNames(
  documents: readonly SourceDocument[],
  known: ReadonlyMap<string, KnownFile>,
): SourceDocument[] {
  const firstFile = new Map<string, string>()
  for (const document of documents) if (document.ok) firstFile.set(document.experiment.id, document.file)
  return documents.map((document) => {
    if (!document.ok) return document
    const { file, version, experiment } = document
    const { line = 1, column = 1 } = known.get(file)?.parsed.id ?? {}
    const problems = experiment.names.flatMap((name, index) => {
      const first = firstFile.get(name) ?? file
      if (first === file) return []
      return [{ file, line, column, path: `names.${index}`, message: `is already a name in ${first}` }]
    })
    for (const name of experiment.names) if (!firstFile.has(name)) firstFile.set(name, file)
    if (problems.length === 0) return document
    const said = problems.map(({ message }) => message).join()
    return { ok: false, file, version: `${version} ${said}`, id: experiment.id, anonymous: false, problems }
  })
}
