import { type DocumentProblem, describeProblem } from "../domain/document-issues.ts"
import { GatewayError } from "../domain/errors.ts"
import { type Experiment, parseExperiment, parseExperimentId } from "../domain/experiment.ts"
import type { BackendCheck, DocumentSource, SourceDocument } from "../ports/document-source.ts"
import type { StoredRevision } from "../ports/experiment-store.ts"
import type { Logger } from "../ports/logger.ts"
import type { Publisher } from "./publish.ts"

export interface FollowDeps {
  readonly source: DocumentSource
  readonly publisher: Publisher
  readonly logger: Logger
  /** Whether a stored document can be served. */
  readonly check: BackendCheck
}

/** Documents published together: their lines become durable by one sync. */
const AT_ONCE = 16

const AUTHOR = { actor: "experiments-folder", source: "folder" } as const

/**
 * Publishes the documents of a folder as they change, and serves what others publish.
 *
 * - While it runs, a file that was written is published. One that was deleted removes its experiment, unless the newest revision came over
 *   the API.
 * - At the start, a document is published only where its experiment never had this content. So an older deployment that starts again takes
 *   nothing back, and two deployments don't overwrite each other for ever. Nothing is removed then: who lacks a file may be the older one.
 * - What is stored is served, with or without a file: the last good revision of a broken document, and experiments made over the API.
 * - While nothing can be stored, an experiment without a stored revision is served as revision 0.
 */
export class DocumentFollower {
  readonly #deps: FollowDeps
  /** Version of each file that is there and was dealt with. */
  readonly #done = new Map<string, string>()
  /** Files that were there at the start and are not dealt with yet; undefined before the history is known. */
  #atStart: Set<string> | undefined
  /** Experiment of each file, as it could last be read. */
  readonly #idOf = new Map<string, string>()
  /** Experiments whose files are gone. */
  readonly #missing = new Set<string>()
  #problems: readonly DocumentProblem[] = []
  #written: readonly Experiment[] = []
  #underWay: Promise<void> | undefined

  constructor(deps: FollowDeps) {
    this.#deps = deps
  }

  /** The file that an experiment's document is in, by its name; undefined where no file has it. */
  fileOf(id: string): string | undefined {
    for (const [file, experiment] of this.#idOf) if (experiment === id) return file
    return undefined
  }

  /** What is wrong with the documents as they are now. */
  get problems(): readonly DocumentProblem[] {
    return this.#problems
  }

  /** The documents that can be served, published or not. */
  get written(): readonly Experiment[] {
    return this.#written
  }

  /** Looks for changes and publishes them; one look at a time. Never rejects. */
  look(): Promise<void> {
    this.#underWay ??= this.#look().finally(() => {
      this.#underWay = undefined
    })
    return this.#underWay
  }

  /** Waits for a look that is under way; starts none. */
  async settled(): Promise<void> {
    await this.#underWay
  }

  async #look(): Promise<void> {
    const { source, publisher } = this.#deps
    let invalid: readonly DocumentProblem[] = []
    const failed: DocumentProblem[] = []
    const attempt = async (name: string, what: string, work: () => Promise<void>): Promise<void> => {
      try {
        await work()
      } catch (error) {
        // A document between two states, a store away for a moment: the next look tries again.
        failed.push(problemOf(name, `${what}: ${error instanceof Error ? error.message : String(error)}`))
      }
    }
    await attempt(source.name, "revisions can't be read", async () => {
      if (publisher.loaded) await publisher.catchUp()
      else await publisher.load()
    })
    await attempt(source.name, "can't be read", async () => {
      const documents = await source.look()
      invalid = documents.flatMap((document) => (document.ok ? [] : document.problems))
      this.#written = documents.flatMap((document) => (document.ok ? [document.experiment] : []))
      if (publisher.loaded) this.#atStart ??= new Set(documents.map(({ file }) => file))
      for (let from = 0; from < documents.length; from += AT_ONCE) {
        const some = documents.slice(from, from + AT_ONCE)
        await Promise.all(
          some.map((document) => attempt(document.file, "can't be published", () => this.#take(document))),
        )
      }
      this.#findMissing(documents)
      const anonymous = documents.some(
        (document) => !document.ok && document.anonymous && !this.#idOf.has(document.file),
      )
      // A text without a readable id may be any experiment's: while there is one, none is taken for removed.
      if (!anonymous) for (const id of this.#missing) await attempt(id, "can't be removed", () => this.#remove(id))
    })
    for (const id of publisher.unserved()) {
      const { revision } = publisher.newest(id) ?? {}
      await attempt(id, `revision ${revision} can't be served`, () => this.#serveStored(publisher.newest(id)))
    }
    await publisher.logServed()
    this.#report(invalid, failed)
  }

  /** Deals with a file that was written since the last look. */
  async #take(document: SourceDocument): Promise<void> {
    const { file, version } = document
    if (this.#done.get(file) === version) return
    if (document.ok) await this.#publish(file, document.experiment)
    if (this.#atStart === undefined) return
    this.#done.set(file, version)
    this.#atStart.delete(file)
  }

  async #publish(file: string, experiment: Experiment): Promise<void> {
    const { publisher, logger } = this.#deps
    const { id } = experiment
    if (this.#atStart === undefined) return await publisher.serve(experiment)
    if (this.#atStart.has(file) && (await publisher.standing(experiment)) === "earlier") {
      const { revision, actor } = publisher.newest(id) ?? {}
      logger.warn({ file, experiment: id, revision, actor }, "an earlier document: a later revision is in force")
      return
    }
    try {
      await this.#publishLast(experiment)
    } catch (error) {
      if (publisher.newest(id) === undefined) await publisher.serve(experiment)
      throw error
    }
  }

  /** Of two gateways that publish at once one comes second: with the same document it has nothing left to do, else it has the later edit. */
  async #publishLast(experiment: Experiment): Promise<void> {
    const { publisher } = this.#deps
    try {
      await publisher.publish(experiment, AUTHOR)
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== "revision_conflict") throw error
      await publisher.catchUp()
      await publisher.publish(experiment, AUTHOR)
    }
  }

  #findMissing(documents: readonly SourceDocument[]): void {
    const before = new Set(this.#idOf.values())
    const files = new Set(documents.map(({ file }) => file))
    for (const file of this.#idOf.keys()) if (!files.has(file)) this.#idOf.delete(file)
    // One that comes back as it was is dealt with anew.
    for (const file of this.#done.keys()) if (!files.has(file)) this.#done.delete(file)
    for (const document of documents) {
      const id = document.ok ? document.experiment.id : document.id
      // A file that has become unreadable is still the experiment's that it was.
      if (id !== undefined) this.#idOf.set(document.file, id)
    }
    const now = new Set(this.#idOf.values())
    for (const id of before) if (!now.has(id)) this.#missing.add(id)
    for (const id of now) this.#missing.delete(id)
  }

  async #remove(missing: string): Promise<void> {
    const { publisher, logger } = this.#deps
    const id = parseExperimentId(missing)
    const newest = publisher.newest(missing)
    if (id !== undefined && newest?.source === "folder") await publisher.remove(id, AUTHOR)
    else if (newest !== undefined)
      logger.info({ experiment: missing }, "keeps its revision from the API without a file")
    this.#missing.delete(missing)
  }

  async #serveStored(stored: StoredRevision | undefined): Promise<void> {
    const parsed = parseExperiment(stored?.document)
    if (!parsed.ok) throw new Error(parsed.issues.map(({ path, message }) => `${path.join(".")} ${message}`).join("; "))
    for (const { backend } of parsed.experiment.variants) {
      const problem = await this.#deps.check(backend)
      if (problem !== undefined) throw new Error(problem)
    }
    await this.#deps.publisher.serve(parsed.experiment)
  }

  /** Each problem once, as long as it lasts. */
  #report(invalid: readonly DocumentProblem[], failed: readonly DocumentProblem[]): void {
    const known = new Set(this.#problems.map(describeProblem))
    const report = (problem: DocumentProblem, prefix: string): void => {
      const sentence = describeProblem(problem)
      if (known.has(sentence)) return
      const { file, line, column, path } = problem
      this.#deps.logger.error({ file, line, column, path }, `${prefix}${sentence}`)
    }
    for (const problem of invalid) report(problem, "invalid experiment document: ")
    for (const problem of failed) report(problem, "")
    this.#problems = [...invalid, ...failed]
  }
}

/** A problem of a whole file, or of something else that has a name. */
function problemOf(file: string, message: string): DocumentProblem {
  return { file, line: 1, column: 1, path: "", message }
}
