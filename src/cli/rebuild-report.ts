import type { Progress } from "../app/catch-up.ts"
import type { Logger } from "../ports/logger.ts"
import type { Output } from "./command.ts"

const PROGRESS_AFTER_MS = 2_000

export function loggerTo(stderr: Output): Logger {
  const say = (fields: Readonly<Record<string, unknown>>, message: string): void => {
    stderr.write(`${message} ${JSON.stringify(fields)}\n`)
  }
  return { info: say, warn: say, error: say }
}

export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`
}

export function count(value: number): string {
  return value.toLocaleString("en")
}

/** On a terminal only, and only once the work has taken long enough to wonder. */
export function showProgress(stderr: Output): Progress {
  const startedAt = performance.now()
  return ({ events }) => {
    if (stderr.isTTY === true && performance.now() - startedAt > PROGRESS_AFTER_MS)
      stderr.write(`\r${count(events)} events…  `)
  }
}
