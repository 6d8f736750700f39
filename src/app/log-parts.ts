import type { LogPosition, LogSpan } from "../domain/log-position.ts"
import type { StoredPosition } from "../ports/counter-archive.ts"
import type { OutcomeReader } from "../ports/outcome-reader.ts"
import { isBehind } from "./catch-up.ts"

/** Part of one of the logs, under its own id. A part that another log has too, a copied folder's, is there once. */
export interface LogPart {
  readonly reader: OutcomeReader
  readonly span: LogSpan
  readonly until: LogPosition | undefined
}

/** All parts of all logs, each once. */
export async function partsOf(readers: readonly OutcomeReader[]): Promise<LogPart[]> {
  const parts = new Map<string, LogPart>()
  const all = await Promise.all(readers.map(async (reader) => ({ reader, spans: await reader.spans() })))
  for (const { reader, spans } of all) {
    for (const [index, span] of spans.entries()) {
      const part = { reader, span, until: spans[index + 1]?.since }
      const known = parts.get(span.id)
      // The longer one has all of the other: a copied folder ends its part where it took a new id.
      if (
        known === undefined ||
        (known.until !== undefined && (part.until === undefined || isBehind(known.until, part.until)))
      ) {
        parts.set(span.id, part)
      }
    }
  }
  return [...parts.values()]
}

/**
 * Up to where each experiment of a part is folded, by the positions of a store or a checkpoint. One that the part doesn't reach lies behind
 * all of it; one before its first file stays where it is, since everything there is comes after it.
 */
export async function limitsOf(
  { reader, span, until }: LogPart,
  positions: readonly StoredPosition[],
): Promise<Map<string, LogPosition>> {
  const limits = new Map<string, LogPosition>()
  const begin = await reader.begin()
  const last = until ?? (await reader.end())
  for (const { experiment, log, position } of positions) {
    if (log !== span.id || last === undefined) continue
    const isThere = isBehind(position, begin) || (await reader.reaches(position))
    limits.set(experiment, isBehind(position, last) && isThere ? position : last)
  }
  return limits
}

export function isInside({ span, until }: LogPart): (place: LogPosition | undefined) => boolean {
  return (place) => !isBehind(place, span.since) && (until === undefined || isBehind(place, until))
}
