import { loadModelFolder } from "../adapters/embedded-scorer/folder.ts"
import { GatewayError } from "../domain/errors.ts"
import type { DocumentIssue } from "../domain/document-issues.ts"
import type { Experiment } from "../domain/experiment.ts"
import type { ModelEndpoint } from "../ports/model-endpoint.ts"

/** The embedded models of MODELS_DIR, each loaded once, when a document first names it. */
export class ModelFolder {
  readonly #path: string
  readonly #loaded = new Map<string, ModelEndpoint>()

  constructor(path: string) {
    this.#path = path
  }

  /** Loads the models of an experiment that aren't loaded yet: what keeps its variants from being answered, with the place in its document. */
  async check(experiment: Experiment): Promise<DocumentIssue[]> {
    const issues: DocumentIssue[] = []
    for (const [index, { backend }] of experiment.variants.entries()) {
      if (this.#loaded.has(backend.model)) continue
      try {
        this.#loaded.set(backend.model, await loadModelFolder(this.#path, backend.model))
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error
        issues.push({
          path: ["variants", index, "backend", "model"],
          message: `"${backend.model}" can't be served: ${error.message}`,
        })
      }
    }
    return issues
  }

  /** @throws GatewayError `config_invalid` for a model that isn't loaded; documents are checked by `check` before they are published */
  endpoint(name: string): ModelEndpoint {
    const endpoint = this.#loaded.get(name)
    if (endpoint === undefined) throw new GatewayError("config_invalid", { detail: `the model ${name} is not loaded` })
    return endpoint
  }
}
