import type { Call } from "./call.ts"

const BEARER = /^Bearer ([\x21-\x7e]{1,4096})$/i

/** The key, or the user's token, that a call comes with: `Authorization: Bearer <key>`. */
export function presentedKey(call: Call): string | undefined {
  const header = call.header("authorization")
  return header === undefined ? undefined : BEARER.exec(header)?.[1]
}
