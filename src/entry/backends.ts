import type { Backend } from "../domain/backends/backend.ts"
import type { ModelEndpoint } from "../ports/model-endpoint.ts"
import type { ModelFolder } from "./model-folder.ts"
import type { Targets } from "./targets.ts"

/** What answers for the backends that documents name: models of this process, and those at targets. */
export class Backends {
  readonly #models: ModelFolder
  readonly #targets: Targets

  constructor(models: ModelFolder, targets: Targets) {
    this.#models = models
    this.#targets = targets
  }

  /** Why a backend can't be served, undefined where it can. */
  async check(backend: Backend): Promise<string | undefined> {
    return backend.kind === "embedded" ? await this.#models.check(backend) : this.#targets.problem(backend)
  }

  /** Lets go of what nobody needs: models come and go with the documents that name them. @param needed what documents name */
  forgetUnused(needed: readonly Backend[]): void {
    this.#models.forgetUnused(needed)
    this.#targets.forgetUnused(needed)
  }

  /** @throws an error for what `check` refuses */
  endpointOf(backend: Backend): ModelEndpoint {
    return backend.kind === "embedded" ? this.#models.endpoint(backend.model) : this.#targets.endpointOf(backend)
  }
}
