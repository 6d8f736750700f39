import { definitionOf, withRevision } from "../domain/definitions.ts"
import type { ExperimentEvent } from "../domain/events.ts"
import type { Experiment } from "../domain/experiment.ts"
import type { ExperimentId } from "../domain/ids.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { ExperimentStore } from "../ports/experiment-store.ts"
import type { Logger } from "../ports/logger.ts"
import type { ModelEndpoint } from "../ports/model-endpoint.ts"
import { diffDocuments } from "./diff-documents.ts"
import { allocateFrom, allocateNow } from "./reallocate.ts"
import type { ServedExperiments } from "./served-experiments.ts"

export interface PublisherDeps {
  readonly experiments: ServedExperiments
  readonly store: ExperimentStore
  readonly counters: CounterStore
  readonly recorder: { recordExperiment(event: ExperimentEvent): Promise<void> }
  /** What answers for a backend. Documents are checked against it before they come here. */
  readonly endpointOf: (backend: Experiment["variants"][number]["backend"]) => ModelEndpoint
  readonly clock: Clock
  readonly logger: Logger
  /** Key that signs new tokens. */
  readonly keyId: string
}

/** What was last published of an experiment; `document` is null after a removal. */
interface Published {
  readonly revision: number
  readonly document: unknown
}

interface Change {
  readonly id: ExperimentId
  readonly revision: number
  readonly document: unknown
  readonly diff: readonly string[]
  readonly actor: string
}

/**
 * Makes documents live: gives a changed one the next revision, stores and logs it, and swaps the snapshot in one assignment.
 *
 * Documents come one set at a time (`publish` is not to be called while it runs).
 */
export class Publisher {
  readonly #deps: PublisherDeps
  readonly #published = new Map<string, Published>()

  constructor(deps: PublisherDeps) {
    this.#deps = deps
  }

  /** Reads what was published before this start. @throws GatewayError `store_unavailable` */
  async load(): Promise<void> {
    for (const { experiment, revision, document } of await this.#deps.store.latest()) {
      this.#published.set(experiment, { revision, document })
      if (document === null) this.#deps.experiments.remove(experiment)
    }
  }

  /** The last good document of an experiment, for when its file has become invalid. */
  lastDocument(id: string): unknown {
    return this.#published.get(id)?.document ?? undefined
  }

  /** Ids that have a document now. */
  ids(): readonly string[] {
    return [...this.#published].filter(([, { document }]) => document !== null).map(([id]) => id)
  }

  /** Publishes one valid document: a new revision where it differs from the last, else the same revision as before. */
  async publish(experiment: Experiment, actor: string): Promise<void> {
    const { experiments } = this.#deps
    const before = this.#published.get(experiment.id)
    const document: unknown = JSON.parse(JSON.stringify(experiment))
    const diff = diffDocuments(before?.document ?? null, document)
    if (diff.length === 0 && experiments.get(experiment.id) !== undefined) return
    const revision = (before?.revision ?? 0) + (diff.length === 0 ? 0 : 1)
    if (diff.length > 0) await this.#record({ id: experiment.id, revision, document, diff, actor })
    const endpoints = experiment.variants.map(({ backend }) => this.#deps.endpointOf(backend))
    const snapshot = await this.#snapshot(experiment, revision)
    const known = experiments.definitionsOf(experiment.id)
    const definition = definitionOf(experiment, revision, snapshot.lineage.epoch)
    experiments.publish({ snapshot, endpoints, definitions: withRevision(known, definition, this.#deps.clock.now()) })
  }

  /** Takes an experiment away: its predictions are 404 and its rewards 410 from now on. */
  async remove(id: ExperimentId, actor: string): Promise<void> {
    const before = this.#published.get(id)
    if (before === undefined || before.document === null) return
    const diff = diffDocuments(before.document, null)
    await this.#record({ id, revision: before.revision + 1, document: null, diff, actor })
    this.#deps.experiments.remove(id)
  }

  async #record(change: Change): Promise<void> {
    const { id, revision, document, diff, actor } = change
    const { store, recorder, clock, logger } = this.#deps
    const at = clock.now()
    await store.append({ experiment: id, revision, document, at })
    this.#published.set(id, { revision, document })
    await recorder.recordExperiment({
      v: 1,
      type: "experiment",
      eventId: `e-${id}-${revision}`,
      at: new Date(at).toISOString(),
      experiment: id,
      revision,
      actor,
      diff,
      document,
    })
    logger.info({ experiment: id, revision, actor, diff: diff.slice(0, 20) }, "experiment published")
  }

  /** Statistics that can't be read must not keep an edit from acting: it starts from none and is refreshed when they are back. */
  async #snapshot(experiment: Experiment, revision: number) {
    const { counters, clock, logger, keyId } = this.#deps
    try {
      return await allocateNow({ experiment, revision, keyId }, counters, clock.now())
    } catch (error) {
      logger.warn({ experiment: experiment.id, error: String(error) }, "published without statistics")
      return allocateFrom({ experiment, revision, keyId }, 0, [])
    }
  }
}
