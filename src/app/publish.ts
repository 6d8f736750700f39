import type { Backend } from "../domain/backends/backend.ts"
import { type Definitions, definitionOf, type RevisionDefinition, withRevision } from "../domain/definitions.ts"
import { GatewayError } from "../domain/errors.ts"
import type { ExperimentEvent, HeldStatus, RevisionSource } from "../domain/events.ts"
import type { Experiment } from "../domain/experiment.ts"
import type { ExperimentId } from "../domain/ids.ts"
import { onSchedule } from "../domain/schedule.ts"
import { type Lineage, NO_LINEAGE, type SeriesStep, type SeriesWishes } from "../domain/series.ts"
import { createSnapshot } from "../domain/snapshot.ts"
import type { SharedAllocation } from "../ports/allocation-store.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { ExperimentStore, StoredRevision } from "../ports/experiment-store.ts"
import type { Logger } from "../ports/logger.ts"
import type { ModelEndpoint } from "../ports/model-endpoint.ts"
import type { AuditTrail } from "./audit-trail.ts"
import { diffDocuments } from "./diff-documents.ts"
import { OneAtATime } from "./one-at-a-time.ts"
import { allocateFrom, allocateNow, resolutionOf } from "./reallocate.ts"
import { type Content, contentDiff, contentOf } from "./revision-content.ts"
import { toEvent } from "./revision-event.ts"
import { definitionsOf, lineageAfter } from "./revision-lineage.ts"
import { recordOf, wishesOf } from "./revision-record.ts"
import type { ServedExperiments } from "./served-experiments.ts"
import { withStaticAnswer } from "./static-answer.ts"
import { refuseTakenNames } from "./taken-names.ts"
import { TIMED_OUT, within } from "./within.ts"

export interface PublisherDeps {
  readonly experiments: ServedExperiments
  readonly store: ExperimentStore
  readonly counters: CounterStore
  /** The last allocation that is known of an experiment, for when its statistics can't be read. */
  readonly lastAllocation?: ((id: string) => SharedAllocation | undefined) | undefined
  readonly recorder: { recordExperiment(event: ExperimentEvent): Promise<void> }
  readonly audit: Pick<AuditTrail, "record" | "note">
  /** What answers for a backend. Documents are checked against it before they come here. */
  readonly endpointOf: (backend: Backend) => ModelEndpoint
  readonly clock: Clock
  readonly logger: Logger
  /** Key that signs new tokens. */
  readonly keyId: string
}

/** Who makes a change, and through what. */
export interface Author {
  readonly actor: string
  readonly source: RevisionSource
  /** What they said about it. */
  readonly reason?: string
}

/** What a change says beside the document. */
export interface Publication extends Pick<SeriesWishes, "reset" | "keep"> {
  /** Revision that the author has seen; the newest known here when left out. */
  readonly after?: number
  /** Whether the experiment is paused whatever the document says, until somebody resumes it; as it is now when left out. */
  readonly hold?: boolean
}

/** A change as it would be published. */
export interface Draft {
  readonly before: StoredRevision | undefined
  readonly experiment: Experiment
  readonly content: Content
  /** What would answer for the variants, in the document's order. */
  readonly endpoints: readonly ModelEndpoint[]
  /** One line a place, and one for each variant whose series somebody began anew or kept. None: there is nothing to publish. */
  readonly diff: readonly string[]
  readonly lineage: Lineage
  readonly steps: readonly SeriesStep[]
  readonly held: HeldStatus | undefined
}

/** What may be done to one experiment while nobody else publishes it. Each as the publisher's method of that name. */
export interface PublishingTurn {
  publish(experiment: Experiment, author: Author, publication?: Publication): Promise<number>
  remove(id: ExperimentId, author: Author, after?: number): Promise<void>
}

/** How long a revision waits for the log before it is served all the same. */
const LOG_WITHIN_MS = 2_000

/**
 * Makes documents live: gives a changed one the next revision, stores and logs it, and swaps the snapshot in one assignment.
 *
 * A revision is stored only as the successor of the newest that this gateway knows, so that no edit is lost to another. It is in the audit
 * trail before it is stored. What is stored is served even where the log doesn't take it now: it is logged later, under the same event id.
 * Every gateway logs each revision that it serves. Changes of one experiment take turns.
 *
 * A document is published with the status that its schedule gives it, and paused where a person paused it over the API: that holds until it
 * is resumed, whatever its folder says meanwhile.
 */
export class Publisher {
  readonly #deps: PublisherDeps
  readonly #newest = new Map<string, StoredRevision>()
  /** Served and not in this gateway's log yet. */
  readonly #unlogged = new Map<string, StoredRevision>()
  readonly #turns = new OneAtATime()
  #loaded = false

  constructor(deps: PublisherDeps) {
    this.#deps = deps
  }

  /** Whether it is known what was published before. */
  get loaded(): boolean {
    return this.#loaded
  }

  /** Reads what was published before this start. @throws GatewayError `store_unavailable` */
  async load(): Promise<void> {
    this.#learn(await this.#deps.store.latest())
    this.#loaded = true
  }

  /** The newest revision known of an experiment, removed ones included. */
  newest(id: string): StoredRevision | undefined {
    return this.#newest.get(id)
  }

  /** Ids that have a document now. */
  ids(): readonly string[] {
    return [...this.#newest].filter(([, { document }]) => document !== null).map(([id]) => id)
  }

  /** Learns what other gateways have published since. @throws GatewayError `store_unavailable` */
  async catchUp(): Promise<void> {
    const newest = await this.#deps.store.newest()
    if (newest.every(({ experiment, revision }) => revision <= this.#knownRevision(experiment))) return
    this.#learn(await this.#deps.store.latest())
  }

  /** Experiments whose newest revision is not the one that is served here. */
  unserved(): readonly string[] {
    return this.ids().filter((id) => {
      return this.#deps.experiments.get(id)?.snapshot.revision !== this.#knownRevision(id)
    })
  }

  /**
   * Where a document stands in the history of its experiment: its newest content (document and models), an earlier one, or new to it.
   *
   * @throws GatewayError `store_unavailable`
   */
  async standing(document: Experiment): Promise<"newest" | "earlier" | "new"> {
    const newest = this.#newest.get(document.id)
    if (newest === undefined) return "new"
    const { experiment } = this.#inForce(document, newest.held !== undefined)
    const content = contentOf(experiment, this.#endpointsOf(experiment))
    if (contentDiff(newest, content).length === 0) return "newest"
    const history = await this.#deps.store.history(document.id)
    return history.some((revision) => contentDiff(revision, content).length === 0) ? "earlier" : "new"
  }

  /** What publishing a valid document now would do. Changes nothing. */
  draft(document: Experiment, publication: Publication = {}): Draft {
    const before = this.#newest.get(document.id)
    const { experiment, held } = this.#inForce(document, publication.hold ?? before?.held !== undefined)
    const endpoints = this.#endpointsOf(experiment)
    const content = contentOf(experiment, endpoints)
    const { lineage, steps } = lineageAfter(before, experiment, content.models, this.#deps.clock.now(), publication)
    const diff = [...contentDiff(before, content), ...wishesOf(steps)]
    return { before, experiment, content, endpoints, diff, lineage, steps, held }
  }

  /**
   * Publishes one valid document: a new revision where it differs from the newest, else the newest as it is.
   *
   * @returns the revision that is served
   * @throws GatewayError `revision_conflict` when another revision is the newest: `catchUp` and decide anew; `validation_failed` where its id or one
   *         of its names is another experiment's; `store_unavailable`, `audit_unavailable`
   */
  async publish(experiment: Experiment, author: Author, publication: Publication = {}): Promise<number> {
    return await this.inTurn(experiment.id, (turn) => turn.publish(experiment, author, publication))
  }

  /** Takes an experiment away: its predictions are 404 and its rewards 410 from now on. @throws as `publish` */
  async remove(id: ExperimentId, author: Author, after?: number): Promise<void> {
    await this.inTurn(id, (turn) => turn.remove(id, author, after))
  }

  /** Does several things to one experiment while nobody else publishes it. */
  async inTurn<T>(id: string, work: (turn: PublishingTurn) => Promise<T>): Promise<T> {
    const turn: PublishingTurn = {
      publish: (experiment, author, publication = {}) => this.#publish(experiment, author, publication),
      remove: (removed, author, after) => this.#remove(removed, author, after),
    }
    return await this.#turns.take(id, () => work(turn))
  }

  /** Serves the newest stored revision of an experiment, whose document has been read and checked as `experiment`. Never rejects. */
  async serve(experiment: Experiment): Promise<void> {
    await this.#turns.take(experiment.id, () => this.#serve(experiment))
  }

  async #publish(document: Experiment, author: Author, publication: Publication): Promise<number> {
    const { id } = document
    await this.#expect(id, publication.after)
    refuseTakenNames(document, this.#newest.values())
    const { before, experiment, content, diff, lineage, held } = this.draft(document, publication)
    if (diff.length > 0 || held !== before?.held) {
      await this.#append({ id, ...content, lineage, diff, author, ...(held === undefined ? {} : { held }) })
    }
    await this.#serve(experiment, before?.revision)
    return this.#knownRevision(id)
  }

  async #remove(id: ExperimentId, author: Author, after: number | undefined): Promise<void> {
    await this.#expect(id, after)
    const before = this.#newest.get(id)
    if (before === undefined || before.document === null) return
    const diff = diffDocuments(before.document, null)
    const { lineage } = before
    const removal = await this.#append({ id, document: null, models: {}, lineage, diff, author })
    this.#deps.experiments.remove(id)
    await this.#log(removal)
  }

  /** A document with the status that schedule and pause give it; what a pause holds back. */
  #inForce(document: Experiment, isHeld: boolean): Pick<Draft, "experiment" | "held"> {
    const experiment = onSchedule(document, this.#deps.clock.now())
    if (!isHeld || experiment.status === "concluded") return { experiment, held: undefined }
    return { experiment: { ...experiment, status: "paused" }, held: experiment.status }
  }

  /** @param previous the revision that the newest one replaced, where it is known */
  async #serve(experiment: Experiment, previous?: number): Promise<void> {
    const { experiments, clock } = this.#deps
    const stored = this.#newest.get(experiment.id)
    const revision = stored?.revision ?? 0
    const served = experiments.get(experiment.id)
    if (served?.snapshot.revision === revision) return
    const own = this.#endpointsOf(experiment)
    const endpoints = withStaticAnswer(experiment, own)
    const lineage = stored?.lineage ?? NO_LINEAGE
    const snapshot = await this.#snapshot(experiment, revision, lineage)
    // First the log, then the decisions that refer to it; at the first start on a full disk there is nothing that could be logged.
    if (stored !== undefined) await this.#log(stored)
    const definition = definitionOf(experiment, revision, lineage.epoch)
    const definitions =
      served !== undefined && served.snapshot.revision === previous
        ? withRevision(served.definitions, definition, clock.now())
        : await this.#definitions(definition, experiment.id)
    // Another gateway has removed it meanwhile.
    if (this.#newest.get(experiment.id)?.document === null) return
    experiments.publish({ snapshot, endpoints, definitions })
    void this.#keepResolution(experiment)
  }

  /**
   * What rewards of every revision with living tokens mean, also of those that other gateways served and this one didn't. A store that can't be
   * asked for the history leaves those that are known here.
   */
  async #definitions(newest: RevisionDefinition, id: ExperimentId): Promise<Definitions> {
    const { experiments, store, clock, logger } = this.#deps
    try {
      const known = definitionsOf(await store.history(id), clock.now())
      return new Map([...known, [newest.revision, newest]])
    } catch (error) {
      logger.warn({ experiment: id, error: String(error) }, "published without its history")
      return withRevision(experiments.definitionsOf(id), newest, clock.now())
    }
  }

  /** Counters that can't be told stay as fine as they were, and are told with the next revision. Never rejects. */
  async #keepResolution(experiment: Experiment): Promise<void> {
    const { counters, logger } = this.#deps
    try {
      await counters.keep(experiment.id, resolutionOf(experiment))
    } catch (error) {
      logger.warn({ experiment: experiment.id, error: String(error) }, "counters don't know how fine they must stay")
    }
  }

  /** Logs what is served and could not be logged before. Never rejects. */
  async logServed(): Promise<void> {
    for (const revision of this.#unlogged.values()) {
      if (!(await this.#log(revision))) return
    }
  }

  #knownRevision(id: string): number {
    return this.#newest.get(id)?.revision ?? 0
  }

  #learn(revisions: readonly StoredRevision[]): void {
    for (const revision of revisions) {
      if (revision.revision <= this.#knownRevision(revision.experiment)) continue
      this.#newest.set(revision.experiment, revision)
      if (revision.document === null) this.#deps.experiments.remove(revision.experiment)
    }
  }

  /** An author may have seen a revision that this gateway has not read yet; the store has the last word. */
  async #expect(id: string, after: number | undefined): Promise<void> {
    if (!this.#loaded) await this.load()
    if (after === undefined || after === this.#knownRevision(id)) return
    await this.catchUp()
    const known = this.#knownRevision(id)
    if (after !== known) {
      throw new GatewayError("revision_conflict", { detail: `${id} is at revision ${known}, not ${after}` })
    }
  }

  async #append(
    change: Content & {
      readonly id: ExperimentId
      readonly lineage: Lineage
      readonly diff: readonly string[]
      readonly author: Author
      readonly held?: HeldStatus
    },
  ): Promise<StoredRevision> {
    const { id, document, models, lineage, diff, author, held } = change
    const { store, audit, clock, logger } = this.#deps
    const known = this.#knownRevision(id)
    const revision: StoredRevision = {
      experiment: id,
      revision: known + 1,
      at: clock.now(),
      document,
      models,
      lineage,
      diff,
      actor: author.actor,
      source: author.source,
      ...(author.reason === undefined ? {} : { reason: author.reason }),
      ...(held === undefined ? {} : { held }),
    }
    await this.#record(revision)
    try {
      await store.append(revision, known)
    } catch (error) {
      const code = error instanceof GatewayError ? error.code : "internal"
      void audit.note({ ...recordOf(revision), outcome: "failed", code })
      throw error
    }
    this.#newest.set(id, revision)
    const shown = { ...author, diff: diff.slice(0, 20), models }
    logger.info({ experiment: id, revision: revision.revision, ...shown }, "experiment published")
    return revision
  }

  /** No change without its line in the trail, written before it acts. */
  async #record(revision: StoredRevision): Promise<void> {
    const { diff, reason } = revision
    const said = reason === undefined ? {} : { reason }
    await this.#deps.audit.record({ ...recordOf(revision), outcome: "done", diff, ...said })
  }

  /** @returns whether the log has it */
  async #log(revision: StoredRevision): Promise<boolean> {
    const event = toEvent(revision)
    const key = event.eventId
    try {
      const logged = await within(this.#deps.recorder.recordExperiment(event), LOG_WITHIN_MS)
      if (logged === TIMED_OUT) throw new GatewayError("log_unavailable", { detail: "the log takes too long" })
      this.#unlogged.delete(key)
      return true
    } catch (error) {
      if (!this.#unlogged.has(key)) {
        this.#deps.logger.warn({ eventId: key, error: String(error) }, "a revision is served before it is logged")
      }
      this.#unlogged.set(key, revision)
      return false
    }
  }

  #endpointsOf({ variants }: Experiment): ModelEndpoint[] {
    return variants.map(({ backend }) => this.#deps.endpointOf(backend))
  }

  /**
   * Statistics that can't be read must not keep an edit from acting: it starts from the last allocation of this revision, or from none, and is
   * refreshed when they are back.
   */
  async #snapshot(experiment: Experiment, revision: number, lineage: Lineage) {
    const { counters, lastAllocation, clock, logger, keyId } = this.#deps
    const base = { experiment, revision, lineage, keyId }
    try {
      return await allocateNow(base, counters, clock.now())
    } catch (error) {
      logger.warn({ experiment: experiment.id, error: String(error) }, "published without statistics")
      const last = lastAllocation?.(experiment.id)
      if (last?.revision === revision && last.allocation.length === experiment.variants.length) {
        return createSnapshot({ ...base, stateVersion: last.stateVersion, plan: last })
      }
      return allocateFrom(base, 0, [])
    }
  }
}
