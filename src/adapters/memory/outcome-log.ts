import { isAfter, type LogPosition } from "../../domain/log-position.ts"
import type { AppendedBatch, LogEntry, OutcomeLog } from "../../ports/outcome-log.ts"
import type { LinesRead, OutcomeReader } from "../../ports/outcome-reader.ts"

/** The outcome log in this process only: keeps the newest lines, loses the rest. Offsets count lines. */
export function createMemoryOutcomeLog(capacity = 100_000): OutcomeLog & OutcomeReader {
  const lines: string[] = []
  let forgotten = 0
  let listener: (batch: AppendedBatch) => void = () => {}

  function end(): LogPosition {
    return { file: 1, offset: forgotten + lines.length }
  }

  function append(line: string, entry: LogEntry): boolean {
    lines.push(line)
    if (lines.length >= 2 * capacity) {
      forgotten += lines.length - capacity
      lines.splice(0, lines.length - capacity)
    }
    listener({ entries: [entry], end: end() })
    return true
  }

  async function* read(from: LogPosition | undefined, until: LogPosition | undefined): AsyncIterable<LinesRead> {
    const last = until === undefined || isAfter(until, end()) ? end() : until
    const first = from?.offset ?? 0
    if (first < last.offset) {
      yield { lines: lines.slice(Math.max(0, first - forgotten), last.offset - forgotten), end: last }
    }
  }

  return {
    append: async (line, entry) => append(line, entry),
    sync: async () => {},
    onAppended: (given) => {
      listener = given
    },
    close: async () => {},
    end: async () => end(),
    reaches: async (position) => !isAfter(position, end()),
    read,
  }
}
