import type { RewardEvent } from "../domain/events.ts"
import type { LogPosition } from "../domain/log-position.ts"
import { parseOutcomeLine } from "../domain/outcome-line.ts"
import type { Checkpoint, Checkpoints } from "../ports/checkpoints.ts"
import type { CounterArchive, StoredPosition } from "../ports/counter-archive.ts"
import type { OutcomeReader } from "../ports/outcome-reader.ts"
import { isBehind } from "./catch-up.ts"
import { type LogPart, limitsOf } from "./log-parts.ts"
import type { RestoreRevisions } from "./restore-revisions.ts"

/** Rewards whose credits are brought back in one transaction. */
const REWARDS_AT_ONCE = 5_000

/**
 * Replaces what a store holds by a checkpoint, and brings back the credits of the lines that its counters have already. What comes after the
 * checkpoint's positions is for the caller to fold.
 *
 * Where the process ends in between, `isRestoring` stays true: the store is then to be made anew, since its counters and credits don't belong
 * together.
 *
 * @throws GatewayError `store_unavailable`, `log_unavailable`
 */
export async function restoreCheckpoint(
  checkpoint: Checkpoint,
  deps: {
    readonly parts: readonly LogPart[]
    readonly archive: Pick<CounterArchive, "reset" | "restore" | "remember">
    readonly checkpoints: Checkpoints
    readonly restore?: RestoreRevisions | undefined
  },
): Promise<void> {
  const { parts, archive, checkpoints, restore } = deps
  await checkpoints.setRestoring(true)
  await archive.reset()
  await restore?.(checkpoint.revisions)
  await archive.restore(checkpoint.contents)
  await eachCounted(parts, checkpoint.contents.positions, (rewards) => archive.remember(rewards))
  await checkpoints.setRestoring(false)
}

/** Hands over the rewards that counters have already which stand at some positions, of all parts, in chunks. */
export async function eachCounted(
  parts: readonly LogPart[],
  positions: readonly StoredPosition[],
  take: (rewards: readonly RewardEvent[]) => Promise<void> | void,
): Promise<void> {
  let rewards: RewardEvent[] = []
  for (const part of parts) {
    const limits = await limitsOf(part, positions)
    const ends = [...limits.values()].toSorted((a, b) => (isBehind(a, b) ? -1 : isBehind(b, a) ? 1 : 0))
    let begin: LogPosition | undefined = part.span.since
    for (const until of ends) {
      if (!isBehind(begin, until)) continue
      for await (const { lines } of part.reader.read(begin, until)) {
        for (const event of lines.map(parseOutcomeLine)) {
          if (event?.type !== "reward") continue
          const limit = limits.get(event.experiment)
          if (limit !== undefined && isBehind(begin, limit)) rewards.push(event)
        }
        if (rewards.length < REWARDS_AT_ONCE) continue
        await take(rewards)
        rewards = []
      }
      begin = until
    }
  }
  if (rewards.length > 0) await take(rewards)
}

/** What the counters of some logs are made from. */
export interface Ground {
  /** Undefined where the logs are whole, or no checkpoint can be read. */
  readonly checkpoint: Checkpoint | undefined
  /** Files of the logs that are gone and that no checkpoint stands for. */
  readonly lostFiles: number
}

/**
 * Looks for a checkpoint where files of a log are gone. Logs that are whole need none: they say more.
 *
 * @param readers those of the folder that keeps the checkpoints among them
 * @throws GatewayError `log_unavailable`
 */
export async function groundOf(
  readers: readonly OutcomeReader[],
  checkpoints: Checkpoints | undefined,
): Promise<Ground> {
  const logs = await Promise.all(
    readers.map(async (reader) => ({ firstFile: (await reader.begin())?.file ?? 1, spans: await reader.spans() })),
  )
  if (logs.every(({ firstFile }) => firstFile === 1)) return { checkpoint: undefined, lostFiles: 0 }
  const checkpoint = await checkpoints?.newest()
  const lost = logs.map(({ firstFile, spans }) => {
    const ids = new Set(spans.map(({ id }) => id))
    const mark = checkpoint?.logs.find(({ log }) => ids.has(log))
    if (mark !== undefined) return Math.max(0, firstFile - mark.watermark.file)
    return checkpoint?.contents.positions.some(({ log }) => ids.has(log)) === true ? 0 : firstFile - 1
  })
  return { checkpoint, lostFiles: lost.reduce((sum, files) => sum + files, 0) }
}
