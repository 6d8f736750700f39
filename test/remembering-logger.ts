import type { Logger } from "#src/ports/logger.ts"

type Fields = Readonly<Record<string, unknown>>

/** Remembers what was logged instead of writing it: messages, and the fields of each. */
export function createRememberingLogger(): Logger & { readonly messages: string[]; readonly fields: Fields[] } {
  const messages: string[] = []
  const fields: Fields[] = []
  const remember =
    (level: string) =>
    (given: Fields, message: string): void => {
      messages.push(`${level}: ${message}`)
      fields.push(given)
    }
  return { messages, fields, info: remember("info"), warn: remember("warn"), error: remember("error") }
}
