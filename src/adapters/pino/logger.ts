import pino from "pino"
import type { Logger } from "../../ports/logger.ts"
import { linesForPeople, type TextOutput } from "./lines-for-people.ts"

/** A reader of standard output that stops reading must not fill the memory: what doesn't fit any more is left out. */
const MOST_WAITING_BYTES = 16 << 20

/**
 * Operational log as JSON lines on standard output, written off the event loop. `flush` before the process ends.
 *
 * @param terminal where somebody reads along: gets lines for people, and standard output gets none
 * @returns the logger; its `take` writes a line that another thread's logger has made
 */
export function createLogger(
  level: string,
  terminal?: TextOutput,
): Logger & { flush(): void; take(line: string): void } {
  const destination =
    terminal === undefined
      ? pino.destination({ dest: 1, sync: false, minLength: 0, maxLength: MOST_WAITING_BYTES })
      : linesForPeople(terminal)
  return {
    ...createLineLogger(level, destination),
    flush: () => destination.flushSync(),
    take: (line) => {
      destination.write(line)
    },
  }
}

/** The same as lines that somebody else writes: a thread that serves hands them to the one that has standard output. */
export function createLineLogger(level: string, destination: { write(line: string): unknown }): Logger {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: "message",
      formatters: { level: (level) => ({ level }) },
    },
    { write: (line) => void destination.write(line) },
  )
  return {
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  }
}
