import type { StoredPosition } from "../domain/counter-contents.ts"
import type { LogPosition } from "../domain/log-position.ts"
import type { Checkpoint, Checkpoints } from "../ports/checkpoints.ts"
import type { CounterArchive, CounterContents } from "../ports/counter-archive.ts"
import type { LogSegments } from "../ports/log-segments.ts"
import type { Logger } from "../ports/logger.ts"
import type { OutcomeReader } from "../ports/outcome-reader.ts"
import type { KnownCounters, Loss, SharedCounters } from "../ports/shared-counters.ts"
import { isBehind } from "./catch-up.ts"
import { type LogPart, partsOf } from "./log-parts.ts"
import { eachCounted } from "./restore-checkpoint.ts"

/** Clocks differ: a reward may have been taken a little before its decision was made. */
const CLOCKS_DIFFER_MS = 3_600_000

const NOTHING: CounterContents = { positions: [], cells: [], groups: [], sketches: [] }

/** One of a folder's logs. */
export interface OwnLog {
  readonly reader: OutcomeReader
  readonly segments: Pick<LogSegments, "list">
}

export interface RestoreSharedDeps {
  /** Every log of the folder that is there by now, whoever writes to it. */
  readonly logs: () => Promise<readonly OwnLog[]>
  readonly store: SharedCounters & Pick<CounterArchive, "remember">
  readonly checkpoints: Pick<Checkpoints, "newest">
  readonly logger: Logger
}

/**
 * One gateway's part in restoring counters that all share and that were lost: it offers its newest checkpoint, and brings the credits of its own
 * logs back. The newest of all gateways' checkpoints wins, since it replaces an older one.
 */
export class SharedRestore {
  readonly #deps: RestoreSharedDeps
  #losses: readonly Loss[] = []
  /** By experiment the counters that the checkpoint was compared with. */
  readonly #compared = new Map<string, string>()

  constructor(deps: RestoreSharedDeps) {
    this.#deps = deps
  }

  /** What was lacking at the last look. */
  get losses(): readonly Loss[] {
    return this.#losses
  }

  /**
   * Tells the store what the counters were in the last checkpoint, before anything is read of them: those that there are may be others.
   *
   * @returns the same, for the stores of other threads
   * @throws GatewayError `log_unavailable`
   */
  async know(): Promise<KnownCounters> {
    const { positions, origins = [] } = (await this.#deps.checkpoints.newest())?.contents ?? NOTHING
    const known = { positions, origins }
    this.#deps.store.know(known)
    return known
  }

  /** Does what there is to do. @throws GatewayError `store_unavailable`, `log_unavailable` */
  async look(): Promise<void> {
    const { store } = this.#deps
    this.#losses = await store.losses()
    if (this.#losses.length === 0) return
    const restored = await this.#restore()
    if (restored) this.#losses = await store.losses()
    const deps = { ...this.#deps, logs: await this.#deps.logs() }
    if (await bringBack(this.#losses, deps)) this.#losses = await store.losses()
  }

  /** @returns whether any counters were restored */
  async #restore(): Promise<boolean> {
    const { store, checkpoints, logger } = this.#deps
    const open = this.#losses.filter(
      ({ experiment, mark, isAwaited, isAbandoned }) =>
        isAbandoned || (isAwaited && this.#compared.get(experiment) !== mark),
    )
    if (open.length === 0) return false
    const checkpoint = await checkpoints.newest()
    let restored = false
    for (const loss of open) {
      const { experiment, mark, isAbandoned } = loss
      const has = checkpoint !== undefined && hasMore(checkpoint, loss)
      const isRestored = (has || isAbandoned) && (await store.restoreLost(loss, has ? checkpoint.contents : NOTHING))
      // Not before: a restoring that the way to the store kept from beginning is tried again.
      this.#compared.set(experiment, mark)
      if (!isRestored) continue
      restored = true
      logger.warn(
        { experiment, ...(has ? { foldedTo: new Date(checkpoint.foldedTo).toISOString() } : {}) },
        has
          ? "counters that were lost are restored from a checkpoint"
          : "counters begin anew: a restoring was broken off",
      )
    }
    return restored
  }
}

/** Whether a checkpoint has something of the counters before that those lack which there are now. */
function hasMore({ contents }: Checkpoint, { experiment, mark, since, positions }: Loss): boolean {
  const origin = contents.origins?.find((one) => one.experiment === experiment)
  if (origin === undefined || origin.mark === mark || origin.at <= since) return false
  return contents.positions.some(
    (stand) => stand.experiment === experiment && isBehind(positions.get(stand.log), stand.position),
  )
}

/**
 * Brings back the credits of some logs, as far as restored counters owe them, and says so.
 *
 * @returns whether any were owed
 * @throws GatewayError `store_unavailable`, `log_unavailable`
 */
export async function bringBack(
  losses: readonly Loss[],
  { logs, store, logger }: Pick<RestoreSharedDeps, "store" | "logger"> & { readonly logs: readonly OwnLog[] },
): Promise<boolean> {
  const since = creditsSince(losses)
  const parts = await partsOf(logs.map(({ reader }) => reader))
  const ids = new Set(parts.map(({ span }) => span.id))
  const owed: StoredPosition[] = losses.flatMap(({ experiment, owed: positions }) =>
    [...positions].flatMap(([log, position]) => (ids.has(log) ? [{ experiment, log, position }] : [])),
  )
  if (owed.length === 0) return false
  const begins = new Map(await Promise.all(logs.map(async (log) => [log.reader, await beginAt(log, since)] as const)))
  const young = parts.map((part) => beginningAt(part, begins.get(part.reader)))
  await eachCounted(young, owed, (rewards) => store.remember(rewards))
  for (const { experiment, log, position } of owed) {
    await store.settle(experiment, log, position)
    logger.info({ experiment, log }, "credits of a log are back")
  }
  return true
}

/** No earlier outcome has to do with credits that are owed. @returns epoch milliseconds */
export function creditsSince(losses: readonly Loss[]): number {
  return Math.min(...losses.map(({ creditedSince }) => creditedSince)) * 1_000 - CLOCKS_DIFFER_MS
}

/** Where the first file begins that has an outcome of this time or later. @param since epoch milliseconds */
async function beginAt({ segments }: OwnLog, since: number): Promise<LogPosition | undefined> {
  const young = (await segments.list()).find(({ newestAt }) => newestAt === undefined || newestAt >= since)
  return young === undefined ? undefined : { file: young.file, offset: 0, hash: "" }
}

function beginningAt(part: LogPart, begin: LogPosition | undefined): LogPart {
  if (!isBehind(part.span.since, begin)) return part
  return { ...part, span: { ...part.span, since: begin } }
}
