import { loadModelFolder } from "../adapters/embedded-scorer/folder.ts"
import { GatewayError } from "../domain/errors.ts"
import type { Backend } from "../domain/experiment.ts"
import type { ModelEndpoint } from "../ports/model-endpoint.ts"

/** The embedded models of MODELS_DIR, each loaded once, when a document first names it. */
export class ModelFolder {
  readonly #path: string
  readonly #loaded = new Map<string, ModelEndpoint>()

  constructor(path: string) {
    this.#path = path
  }

  /** Loads the model of a backend that isn't loaded yet: why it can't be served, undefined where it can. */
  async check({ model }: Backend): Promise<string | undefined> {
    if (this.#loaded.has(model)) return undefined
    try {
      this.#loaded.set(model, await loadModelFolder(this.#path, model))
      return undefined
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      return `"${model}" can't be served: ${error.message}`
    }
  }

  /** @throws GatewayError `config_invalid` for a model that isn't loaded; documents are checked by `check` before they are published */
  endpoint(name: string): ModelEndpoint {
    const endpoint = this.#loaded.get(name)
    if (endpoint === undefined) throw new GatewayError("config_invalid", { detail: `the model ${name} is not loaded` })
    return endpoint
  }
}
