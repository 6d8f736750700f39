import { GatewayError } from "../domain/errors.ts"
import { type Experiment, parseExperimentId } from "../domain/experiment.ts"
import type { ExperimentId } from "../domain/ids.ts"
import { statusAfter, type Transition } from "../domain/life-cycle.ts"
import { mergePatch } from "../domain/merge-patch.ts"
import { rescaledMetrics } from "../domain/series.ts"
import type { Clock } from "../ports/clock.ts"
import type { CounterStore } from "../ports/counter-store.ts"
import type { BackendCheck, ReadYaml } from "../ports/document-source.ts"
import type { ExperimentStore, StoredRevision } from "../ports/experiment-store.ts"
import { type GivenDocument, readEdited } from "./edited-document.ts"
import type { Author, Draft, Publication, Publisher, PublishingTurn } from "./publish.ts"
import { type Review, reviewDraft, reviewRemoval } from "./review-draft.ts"
import { previousRevision, storedExperiment } from "./revision-lineage.ts"

/** What is wanted of an experiment. */
export type Wanted =
  | { readonly kind: "put"; readonly document: GivenDocument }
  | { readonly kind: "patch"; readonly patch: unknown }
  | { readonly kind: "remove" }
  | { readonly kind: "transition"; readonly transition: Transition }
  /** The variant becomes the control, and everyone gets it. */
  | { readonly kind: "promote"; readonly variant: string }
  /** Publishes an earlier revision's document anew; the one before the newest when left out. */
  | { readonly kind: "rollback"; readonly to: number | undefined }

/** What the author has seen: no experiment, one of these revisions, any revision, or nothing was said. */
export type Seen = "none" | readonly number[] | "any" | "unsaid"

/** An edit, as plain data. */
export interface EditCommand {
  readonly experiment: string
  readonly wanted: Wanted
  readonly seen: Seen
  readonly actor: string
  readonly reason?: string
  /** Variants whose statistics begin anew, or go on whatever changes. */
  readonly reset: readonly string[] | "all"
  readonly keep: readonly string[] | "all"
  /** Whether to say what it would do, and do nothing. */
  readonly dryRun: boolean
}

/** What an edit did, or would do. */
export interface EditResult extends Review {
  readonly experiment: string
  readonly dryRun: boolean
  /** In force afterwards; of a dry run, now. 0: there never was one. */
  readonly revision: number
  /** Whether there was no such experiment before. */
  readonly created: boolean
}

export type EditExperiment = (command: EditCommand) => Promise<EditResult>

export interface EditDeps {
  readonly publisher: Publisher
  readonly store: Pick<ExperimentStore, "history">
  readonly counters: CounterStore
  readonly check: BackendCheck
  readonly readYaml: ReadYaml
  /** The file that an experiment is kept in; undefined for one that belongs to those who call. */
  readonly fileOf: (id: string) => string | undefined
  readonly clock: Clock
  /** Default: 10,000, far more than anybody looks after. */
  readonly mostExperiments?: number
}

/**
 * Changes experiments for those who call, one after the other.
 *
 * @returns the use case. It throws GatewayErrors: `experiment_not_found`, `experiment_managed`, `precondition_required`, `precondition_failed`,
 *          `config_invalid` with each place of the document that is wrong, `validation_failed`, `transition_refused`,
 *          `too_many_experiments`, `revision_conflict`, `store_unavailable`, `audit_unavailable`
 */
export function createEditExperiment(deps: EditDeps): EditExperiment {
  return async (command) => {
    const id = parseExperimentId(command.experiment)
    if (id === undefined) throw new GatewayError("experiment_not_found")
    if (!deps.publisher.loaded) await deps.publisher.load()
    return await deps.publisher.inTurn(id, async (turn) => {
      try {
        return await attempt(deps, id, command, turn)
      } catch (error) {
        // Another gateway over the same store was first: who said what they had seen has seen too little, anybody else means the newest.
        if (!(error instanceof GatewayError) || error.code !== "revision_conflict") throw error
        return await attempt(deps, id, command, turn)
      }
    })
  }
}

async function attempt(deps: EditDeps, id: ExperimentId, command: EditCommand, turn: PublishingTurn) {
  await deps.publisher.catchUp()
  return await new Edit(deps, id, command).run(turn)
}

/** One edit, while nobody else changes its experiment here. */
class Edit {
  readonly #deps: EditDeps
  readonly #id: ExperimentId
  readonly #command: EditCommand
  readonly #before: StoredRevision | undefined

  constructor(deps: EditDeps, id: ExperimentId, command: EditCommand) {
    this.#deps = deps
    this.#id = id
    this.#command = command
    this.#before = deps.publisher.newest(id)
  }

  async run(turn: PublishingTurn): Promise<EditResult> {
    const { wanted, dryRun } = this.#command
    this.#checkSeen()
    if (wanted.kind === "remove") return await this.#remove(turn)
    const { document, publication } = await this.#proposal(wanted)
    const draft = this.#deps.publisher.draft(document, publication)
    this.#checkSchedule(document, draft)
    this.#checkKept(draft)
    const review = await reviewDraft(draft, this.#deps.counters, this.#deps.clock.now())
    if (dryRun) return this.#result(review)
    await turn.publish(document, this.#author(), publication)
    return this.#result(review)
  }

  /** The document in force; undefined where there is none. */
  get #document(): Experiment | undefined {
    return this.#before === undefined ? undefined : (storedExperiment(this.#before) ?? undefined)
  }

  #isThere(): boolean {
    return this.#before !== undefined && this.#before.document !== null
  }

  #checkSeen(): void {
    const { seen, wanted } = this.#command
    const revision = this.#before?.revision ?? 0
    const needsCondition = wanted.kind === "put" || wanted.kind === "patch" || wanted.kind === "remove"
    if (seen === "none") {
      if (this.#isThere())
        throw new GatewayError("precondition_failed", { detail: `There is one, at revision ${revision}.` })
      return
    }
    if (!this.#isThere()) {
      if (wanted.kind !== "put") throw new GatewayError("experiment_not_found")
      if (seen === "unsaid")
        throw new GatewayError("precondition_required", {
          detail: "There is no such experiment: send If-None-Match: * to create it.",
        })
      throw new GatewayError("precondition_failed", {
        detail: "There is no such experiment. Send If-None-Match: * to create it.",
      })
    }
    if (seen === "unsaid" && needsCondition) {
      throw new GatewayError("precondition_required", {
        detail: `It is at revision ${revision} now: read it, and send its ETag as If-Match.`,
      })
    }
    if (typeof seen === "object" && !seen.includes(revision)) {
      throw new GatewayError("precondition_failed", {
        detail: `It is at revision ${revision} now, not ${seen.join(" or ")}.`,
      })
    }
  }

  async #remove(turn: PublishingTurn): Promise<EditResult> {
    this.#refuseFile()
    const { counters, clock } = this.#deps
    const review = await reviewRemoval(this.#before, counters, clock.now())
    if (!this.#command.dryRun) await turn.remove(this.#id, this.#author(), this.#before?.revision)
    return this.#result(review)
  }

  /** The document that is wanted, and what is said beside it. */
  async #proposal(
    wanted: Exclude<Wanted, { kind: "remove" }>,
  ): Promise<{ readonly document: Experiment; readonly publication: Publication }> {
    const wishes = { after: this.#before?.revision ?? 0, reset: this.#named("reset"), keep: this.#named("keep") }
    if (wanted.kind === "transition") {
      const { document, hold } = this.#transition(wanted.transition)
      return { document, publication: { ...wishes, hold } }
    }
    this.#refuseFile()
    const document = await this.#edited(wanted)
    const { publisher, mostExperiments = 10_000 } = this.#deps
    if (!this.#isThere() && publisher.ids().length >= mostExperiments) {
      throw new GatewayError("too_many_experiments", { detail: `There are ${mostExperiments} experiments.` })
    }
    return { document, publication: { ...wishes, hold: false } }
  }

  async #edited(wanted: Exclude<Wanted, { kind: "remove" | "transition" }>): Promise<Experiment> {
    if (wanted.kind === "put") return await this.#read(wanted.document)
    if (wanted.kind === "patch") return await this.#read({ json: mergePatch(this.#before?.document, wanted.patch) })
    if (wanted.kind === "promote") return await this.#read({ json: this.#promoted(wanted.variant) })
    return await this.#read({ json: await this.#earlier(wanted.to) })
  }

  #read(document: GivenDocument): Promise<Experiment> {
    const { check, readYaml } = this.#deps
    return readEdited(document, { id: this.#id, revision: this.#before?.revision ?? 0, check, readYaml })
  }

  #transition(transition: Transition): { readonly document: Experiment; readonly hold: boolean } {
    const document = this.#document
    if (document === undefined)
      throw new GatewayError("config_invalid", {
        detail: "The stored document can't be read by this version: PUT it anew.",
      })
    const file = this.#deps.fileOf(this.#id)
    const held = this.#before?.held
    const status = statusAfter(transition, document.status)
    if (file === undefined) return { document: { ...document, status }, hold: false }
    if (transition === "pause")
      return { document: { ...document, status: held ?? document.status }, hold: status === "paused" }
    if (transition === "resume" && held !== undefined && held !== "paused")
      return { document: { ...document, status: held }, hold: false }
    if (status === document.status) return { document, hold: held !== undefined }
    throw managed(file)
  }

  #promoted(variant: string): unknown {
    const document = this.#document
    const ids: readonly string[] = (document?.variants ?? []).map(({ id }) => id)
    if (document === undefined || !ids.includes(variant)) {
      throw new GatewayError("validation_failed", {
        detail: `Promote one of the variants: ?variant= ${ids.join(" or ")}.`,
      })
    }
    const fallback = document.fallback === document.control ? variant : document.fallback
    return { ...document, control: variant, fallback, status: "concluded" }
  }

  async #earlier(to: number | undefined): Promise<unknown> {
    const history = await this.#deps.store.history(this.#id)
    const before = history.filter(({ revision }) => revision < (this.#before?.revision ?? 0))
    const wanted = to === undefined ? before.at(-1) : history.find(({ revision }) => revision === to)
    if (wanted === undefined || wanted.document === null) {
      const known = history.filter(({ document }) => document !== null).map(({ revision }) => revision)
      throw new GatewayError("validation_failed", {
        detail: `There is no document to go back to at ${to === undefined ? "the revision before" : `revision ${to}`}. Revisions with one: ${known.slice(-20).join(", ")}.`,
      })
    }
    return wanted.document
  }

  #refuseFile(): void {
    const file = this.#deps.fileOf(this.#id)
    if (file !== undefined) throw managed(file)
  }

  /** An edit that its own schedule undoes at once was not meant. */
  #checkSchedule(document: Experiment, { experiment, held }: Draft): void {
    if (held !== undefined || experiment.status !== "concluded" || document.status === "concluded") return
    const detail = `must be in the future, or left out, for an experiment that is ${document.status}`
    throw new GatewayError("config_invalid", { errors: [{ pointer: "/schedule/endAt", detail }] })
  }

  /** Sums are kept in units of a metric's largest value: kept under another one they would be read wrongly. */
  #checkKept({ experiment, steps }: Draft): void {
    const keeps = steps.some(({ why }) => why === "kept_on_request")
    const rescaled = this.#before === undefined ? [] : rescaledMetrics(previousRevision(this.#before), experiment)
    if (!keeps || rescaled.length === 0) return
    throw new GatewayError("validation_failed", {
      detail: `keep can't be had with other bounds of ${rescaled.join(", ")}: sums are kept in units of the largest value.`,
    })
  }

  /** Variants that a wish names. @throws GatewayError `validation_failed` for a wish without a reason */
  #named(wish: "reset" | "keep"): ReadonlySet<string> {
    const named = this.#command[wish]
    if (named.length > 0 && this.#command.reason === undefined) {
      throw new GatewayError("validation_failed", {
        detail: `${wish} needs a reason: add ?reason=…, for those who read the history.`,
      })
    }
    const known = Object.keys(this.#before?.lineage.series ?? {})
    if (named === "all") return new Set(known)
    const unknown = named.filter((variant) => !known.includes(variant))
    if (unknown.length > 0) {
      throw new GatewayError("validation_failed", {
        detail: `${wish} names ${unknown.join(", ")}, which has no statistics yet. There are ${known.join(", ") || "none"}.`,
      })
    }
    return new Set(named)
  }

  /** Who pauses and resumes changes nothing about where the document comes from. */
  #author(): Author {
    const { actor, reason, wanted } = this.#command
    const source = wanted.kind === "transition" ? (this.#before?.source ?? "api") : "api"
    return { actor, source, ...(reason === undefined ? {} : { reason }) }
  }

  #result(review: Review): EditResult {
    const { dryRun } = this.#command
    const revision = (dryRun ? this.#before : this.#deps.publisher.newest(this.#id))?.revision ?? 0
    return { experiment: this.#id, dryRun, revision, created: !this.#isThere(), ...review }
  }
}

function managed(file: string): GatewayError {
  return new GatewayError("experiment_managed", {
    detail: `It is kept in ${file}: change that file, and the gateway publishes it.`,
  })
}
