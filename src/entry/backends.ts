import type { Backend } from "../domain/backend.ts"
import type { ModelEndpoint } from "../ports/model-endpoint.ts"
import type { ModelFolder } from "./model-folder.ts"

/** What answers for the backends that documents name. */
export class Backends {
  readonly #models: ModelFolder

  constructor(models: ModelFolder) {
    this.#models = models
  }

  /** Why a backend can't be served, undefined where it can. */
  async check(backend: Backend): Promise<string | undefined> {
    if (backend.kind === "embedded") return await this.#models.check(backend)
    return `"${backend.target}" is none of the targets: TARGETS_FILE is not set`
  }

  /** @throws GatewayError `config_invalid` for what `check` would have refused */
  endpointOf(backend: Backend): ModelEndpoint {
    if (backend.kind === "embedded") return this.#models.endpoint(backend.model)
    throw new Error(`"${backend.target}" is none of the targets`)
  }
}
