import type { DocumentCheck, DocumentProblem, ReadDocument } from "../adapters/experiment-folder/document.ts"
import { describeProblem } from "../adapters/experiment-folder/document.ts"
import { fingerprint, readDocuments } from "../adapters/experiment-folder/folder.ts"
import type { Publisher } from "../app/publish.ts"
import { parseExperiment } from "../domain/experiment.ts"
import type { ExperimentId } from "../domain/ids.ts"
import type { Logger } from "../ports/logger.ts"

export interface WatchDeps {
  /** A folder of documents, or one document. */
  readonly path: string
  readonly publisher: Publisher
  readonly logger: Logger
  /** What a document must fulfil beyond itself: its models can be served. */
  readonly check: DocumentCheck
}

const ACTOR = "experiments-folder"

/**
 * Publishes the documents of a folder, and again whenever one has changed. An invalid document is reported and changes nothing: its last good
 * revision stays in force, across restarts too.
 */
export class ExperimentWatch {
  readonly #deps: WatchDeps
  #fingerprint = ""
  #problems: readonly DocumentProblem[] = []
  #underWay: Promise<void> | undefined

  constructor(deps: WatchDeps) {
    this.#deps = deps
  }

  /** What is wrong with the documents as they are now. */
  get problems(): readonly DocumentProblem[] {
    return this.#problems
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
    const { path, logger } = this.#deps
    try {
      const now = await fingerprint(path)
      if (now === this.#fingerprint) return
      await this.#apply(await readDocuments(path, this.#deps.check))
      this.#fingerprint = now
    } catch (error) {
      // The folder may be between two states, or the store away for a moment: the next look tries again.
      const message = `can't be read or published: ${error instanceof Error ? error.message : String(error)}`
      if (this.#problems[0]?.message !== message) logger.error({ path }, message)
      this.#problems = [{ file: path, line: 1, column: 1, path: "", message }]
    }
  }

  async #apply(documents: readonly ReadDocument[]): Promise<void> {
    const { publisher } = this.#deps
    const kept = new Set<string>()
    const problems: DocumentProblem[] = []
    for (const document of documents) {
      if (document.ok) {
        kept.add(document.experiment.id)
        await publisher.publish(document.experiment, ACTOR)
        continue
      }
      problems.push(...document.problems)
      for (const problem of document.problems) this.#report(problem)
      if (document.id !== undefined) {
        kept.add(document.id)
        await this.#keepLast(document.id)
      }
    }
    this.#problems = problems
    // A file whose id can't be read may be any experiment's: while there is one, none is taken for removed.
    if (documents.some((document) => !document.ok && document.id === undefined)) {
      for (const id of publisher.ids()) {
        if (!kept.has(id)) await this.#keepLast(id)
      }
      return
    }
    for (const id of publisher.ids()) {
      if (!kept.has(id)) await publisher.remove(id as ExperimentId, ACTOR)
    }
  }

  /** Serves the last good document of an experiment whose file is broken. */
  async #keepLast(id: string): Promise<void> {
    const last = this.#deps.publisher.lastDocument(id)
    if (last === undefined) return
    const parsed = parseExperiment(last)
    if (!parsed.ok || (await this.#deps.check(parsed.experiment)).length > 0) {
      this.#deps.logger.error({ experiment: id }, "its last good revision can't be served any more either")
      return
    }
    await this.#deps.publisher.publish(parsed.experiment, ACTOR)
  }

  #report(problem: DocumentProblem): void {
    const { file, line, column, path } = problem
    this.#deps.logger.error({ file, line, column, path }, `invalid experiment document: ${describeProblem(problem)}`)
  }
}
