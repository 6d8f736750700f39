import { isAfter, type LogPosition } from "../../domain/log-position.ts"
import type { LogWrite, OutcomeLog } from "../../ports/outcome-log.ts"
import type { LinesRead, OutcomeReader } from "../../ports/outcome-reader.ts"

/**
 * The outcome log in this process only: keeps the newest lines, loses the rest. Offsets count lines; what is written counts as durable.
 *
 * @param capacity lines kept
 */
export function createMemoryOutcomeLog(capacity = 100_000): OutcomeLog & OutcomeReader {
  const lines: string[] = []
  let forgotten = 0
  let renewals = 0
  let since: LogPosition | undefined
  /** Settles when the listener has heard of everything appended so far. */
  let told: Promise<void> = Promise.resolve()
  let listener: (end: LogPosition) => void = () => {}

  function end(): LogPosition {
    return { file: 1, offset: forgotten + lines.length, hash: "" }
  }

  function append(line: string): LogWrite {
    lines.push(line)
    if (lines.length >= 2 * capacity) {
      forgotten += lines.length - capacity
      lines.splice(0, lines.length - capacity)
    }
    const written = Promise.resolve(end())
    // After whoever appended has seen that it is written.
    told = written.then((position) => Promise.resolve(position)).then((position) => listener(position))
    return { written, answered: Promise.resolve(true) }
  }

  async function* read(from: LogPosition | undefined, until: LogPosition | undefined): AsyncIterable<LinesRead> {
    const last = until === undefined || isAfter(until, end()) ? end() : until
    const first = from?.offset ?? 0
    if (first < last.offset) {
      const read = lines.slice(Math.max(0, first - forgotten), last.offset - forgotten)
      yield { lines: read, bytes: new TextEncoder().encode(`${read.join("\n")}\n`), end: last }
    }
  }

  return {
    get id() {
      return `memory-${renewals}`
    },
    get since() {
      return since
    },
    append,
    sync: () => told,
    onSynced: (given) => {
      listener = given
    },
    renew: async () => {
      renewals += 1
      since = end()
    },
    close: async () => {},
    spans: async () => [{ id: `memory-${renewals}`, since }],
    begin: async () => ({ file: 1, offset: forgotten, hash: "" }),
    end: async () => end(),
    reaches: async (position) => !isAfter(position, end()),
    read,
  }
}
