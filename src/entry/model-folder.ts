import type { EmbeddedModel } from "../adapters/embedded-scorer/artifact.ts"
import { loadModelFolder, modelFolderMark } from "../adapters/embedded-scorer/folder.ts"
import type { Backend, EmbeddedBackend } from "../domain/backends/backend.ts"
import { GatewayError } from "../domain/errors.ts"
import type { Logger } from "../ports/logger.ts"
import { KeptWhileUsed } from "./kept-while-used.ts"

/** A model as it was last read: what answers for it, or why nothing does. */
interface ReadModel {
  readonly mark: string
  readonly endpoint: EmbeddedModel | undefined
  readonly problem: string | undefined
}

/**
 * The embedded models of MODELS_DIR. One is read when a document that names it is checked, and again where its files have changed since; what
 * is served already keeps the model that it was published with.
 */
export class ModelFolder {
  readonly #path: string
  readonly #logger: Logger | undefined
  readonly #read: KeptWhileUsed<ReadModel>

  /** @param nowMs a time that only moves forward */
  constructor(path: string, logger?: Logger, nowMs?: () => number) {
    this.#path = path
    this.#logger = logger
    this.#read = new KeptWhileUsed(nowMs)
  }

  /** Reads the model of a backend: why it can't be served, undefined where it can. */
  async check({ model }: EmbeddedBackend): Promise<string | undefined> {
    try {
      const mark = await modelFolderMark(this.#path, model)
      const known = this.#read.get(model)
      if (known?.mark === mark) return known.problem
      const read = await this.#load(model, mark)
      this.#read.set(model, read)
      return read.problem
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      return `"${model}" can't be served: ${error.message}`
    }
  }

  async #load(model: string, mark: string): Promise<ReadModel> {
    try {
      const endpoint = await loadModelFolder(this.#path, model)
      this.#logger?.info({ model, sha256: endpoint.sha256 }, "model loaded")
      return { mark, endpoint, problem: undefined }
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      return { mark, endpoint: undefined, problem: `"${model}" can't be served: ${error.message}` }
    }
  }

  /** Models have megabytes, and each deployment may name another. @param needed what documents name */
  forgetUnused(needed: readonly Backend[]): void {
    this.#read.forgetUnused(new Set(needed.flatMap((backend) => (backend.kind === "embedded" ? [backend.model] : []))))
  }

  /** @throws GatewayError `config_invalid` for a model that isn't loaded; documents are checked by `check` before they are published */
  endpoint(name: string): EmbeddedModel {
    const endpoint = this.#read.get(name)?.endpoint
    if (endpoint === undefined) throw new GatewayError("config_invalid", { detail: `the model ${name} is not loaded` })
    return endpoint
  }
}
