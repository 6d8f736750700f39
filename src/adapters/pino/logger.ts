import pino from "pino"
import type { Logger } from "../../ports/logger.ts"
import { linesForPeople, type TextOutput } from "./lines-for-people.ts"

/**
 * Operational log as JSON lines on standard output, written off the event loop. `flush` before the process ends.
 *
 * @param terminal where somebody reads along: gets lines for people, and standard output gets none
 */
export function createLogger(level: string, terminal?: TextOutput): Logger & { flush(): void } {
  const destination =
    terminal === undefined ? pino.destination({ dest: 1, sync: false, minLength: 0 }) : linesForPeople(terminal)
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: "message",
      formatters: { level: (level) => ({ level }) },
    },
    destination,
  )
  return {
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    flush: () => destination.flushSync(),
  }
}
