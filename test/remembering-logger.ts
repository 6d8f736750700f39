import type { Logger } from "#src/ports/logger.ts"

/** Remembers what was logged instead of writing it. */
export function createRememberingLogger(): Logger & { readonly messages: string[] } {
  const messages: string[] = []
  const remember =
    (level: string) =>
    (_fields: Readonly<Record<string, unknown>>, message: string): void => {
      messages.push(`${level}: ${message}`)
    }
  return { messages, info: remember("info"), warn: remember("warn"), error: remember("error") }
}
