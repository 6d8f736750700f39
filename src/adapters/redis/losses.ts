import { randomBytes } from "node:crypto"
import type { LogId, LogPosition } from "../../domain/log-position.ts"
import type { Loss } from "../../ports/shared-counters.ts"
import type { RedisClient } from "./connection.ts"
import { parsePosition, positionText } from "./experiment-reader.ts"
import type { ExperimentKeys } from "./keys.ts"
import { Script } from "./script.ts"

const NOTE = new Script("state", "positions", "note-loss")
const READ = new Script("state", "positions", "read-loss")
const SETTLE = new Script("state", "settle")

/** A gateway that fills counters says so with each piece: one that has been silent for longer has stopped half-way. */
export const FILLS_WITHIN_MS = 30_000

/** How long what counters have lost is waited for, in milliseconds. */
export interface LossWaits {
  /** For a checkpoint, while nothing is folded: every gateway looks every few seconds. */
  readonly checkpointMs: number
  /** For the logs that had been folded: what nobody has brought back by then is missing. */
  readonly logsMs: number
  /** For more credits, after some have been brought back: a gateway does it piece by piece. */
  readonly creditsMs: number
}

export const LOSS_WAITS: LossWaits = { checkpointMs: 20_000, logsMs: 300_000, creditsMs: 60_000 }

/** What is said of counters that were lost. */
export interface LossState extends Pick<Loss, "mark" | "since" | "creditedSince" | "missing" | "owed"> {
  /** Milliseconds since a gateway last filled them; undefined where none does. */
  readonly fillingMs: number | undefined
  /** Milliseconds for which nothing is folded yet. */
  readonly closedMs: number
  /** Milliseconds for which logs are waited for yet. */
  readonly awaitedMs: number
}

/**
 * Says that counters may have been lost.
 *
 * @param positions how far logs were folded in those before
 * @param older the mark of counters that have fallen back behind a checkpoint: where they lack something, they become others
 * @returns their mark, and whether they lack any of that
 */
export async function noteLoss(
  client: RedisClient,
  keys: ExperimentKeys,
  positions: ReadonlyMap<LogId, LogPosition>,
  { checkpointMs, logsMs }: LossWaits,
  older = "",
): Promise<{ readonly mark: string; readonly lacks: boolean }> {
  const values = [newMark(), older, checkpointMs, logsMs, ...flat(positions)]
  const [mark, lacks] = await NOTE.run(client, [keys.meta, keys.logs, keys.missing], values)
  return { mark: String(mark), lacks: lacks === 1 }
}

/** Reads what they lack. Where that is nothing, they are taken for whole from now on. */
export async function readLoss(client: RedisClient, keys: ExperimentKeys): Promise<LossState> {
  const answer = await READ.run(client, [keys.meta, keys.logs, keys.missing, keys.owed], [])
  const [mark, filling, closed, awaited, since, credited, missing, owed] = answer
  return {
    mark: String(mark),
    fillingMs: filling === "" ? undefined : Number(filling),
    closedMs: Number(closed),
    awaitedMs: Number(awaited),
    since: Number(since),
    creditedSince: Number(credited),
    missing: positionsOf(missing),
    owed: positionsOf(owed),
  }
}

/** Logs of which counters lack something. */
export function lackingLogs({ missing, owed }: Pick<Loss, "missing" | "owed">): LogId[] {
  return [...new Set([...missing.keys(), ...owed.keys()])]
}

/** Whether nothing is counted, or no allocation made by it, until more of them is back. */
export function isAwaited({ fillingMs, closedMs, awaitedMs, missing, owed }: LossState): boolean {
  return fillingMs !== undefined || closedMs > 0 || (awaitedMs > 0 && missing.size + owed.size > 0)
}

/** Says that the credits of a log are back. */
export async function settleLog(
  client: RedisClient,
  keys: ExperimentKeys,
  mark: string,
  log: LogId,
  upTo: LogPosition,
): Promise<void> {
  await SETTLE.run(client, [keys.meta, keys.owed], [mark, log, positionText(upTo)])
}

/** Tells counters from any others. */
export function newMark(): string {
  return randomBytes(12).toString("base64url")
}

/** Logs and positions, one after the other. */
export function flat(positions: Iterable<readonly [LogId, LogPosition]>): string[] {
  return Array.from(positions, ([log, position]) => [log, positionText(position)]).flat()
}

function positionsOf(pairs: unknown): Map<LogId, LogPosition> {
  const texts = pairs as readonly string[]
  const positions = new Map<LogId, LogPosition>()
  for (let index = 0; index < texts.length; index += 2) {
    const position = parsePosition(texts[index + 1] ?? "")
    if (position !== undefined) positions.set(texts[index] ?? "", position)
  }
  return positions
}
