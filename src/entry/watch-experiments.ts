import { describeProblem } from "../adapters/experiment-folder/document.ts"
import type { Publisher } from "../app/publish.ts"
import { type Experiment, parseExperiment } from "../domain/experiment.ts"
import type { ExperimentId } from "../domain/ids.ts"
import type { BackendCheck, DocumentProblem, DocumentSource, SourceDocument } from "../ports/document-source.ts"
import type { Logger } from "../ports/logger.ts"

export interface WatchDeps {
  readonly source: DocumentSource
  readonly publisher: Publisher
  readonly logger: Logger
  /** Whether a document of an earlier start can still be served. */
  readonly check: BackendCheck
}

const ACTOR = "experiments-folder"

/**
 * Publishes the documents of a folder, and again whenever one has changed. An invalid document is reported and changes nothing: its last good
 * revision stays in force, across restarts too.
 */
export class ExperimentWatch {
  readonly #deps: WatchDeps
  #versions = ""
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
    const { source, logger } = this.#deps
    try {
      const documents = await source.look()
      const versions = documents.map(({ file, version }) => `${file} ${version}`).join("\n")
      if (versions === this.#versions) return
      await this.#apply(documents)
      this.#versions = versions
    } catch (error) {
      // The folder may be between two states, or the store away for a moment: the next look tries again.
      const message = `can't be read or published: ${error instanceof Error ? error.message : String(error)}`
      if (this.#problems[0]?.message !== message) logger.error({ path: source.name }, message)
      this.#problems = [{ file: source.name, line: 1, column: 1, path: "", message }]
    }
  }

  async #apply(documents: readonly SourceDocument[]): Promise<void> {
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
    if (!parsed.ok || !(await this.#canServe(parsed.experiment))) {
      this.#deps.logger.error({ experiment: id }, "its last good revision can't be served any more either")
      return
    }
    await this.#deps.publisher.publish(parsed.experiment, ACTOR)
  }

  async #canServe({ variants }: Experiment): Promise<boolean> {
    for (const { backend } of variants) {
      if ((await this.#deps.check(backend)) !== undefined) return false
    }
    return true
  }

  #report(problem: DocumentProblem): void {
    const { file, line, column, path } = problem
    this.#deps.logger.error({ file, line, column, path }, `invalid experiment document: ${describeProblem(problem)}`)
  }
}
