import type { Call } from "./call.ts"

const BEARER = /^Bearer (.*)$/i
const VISIBLE = /^[\x21-\x7e]{1,4096}$/

/**
 * The key, or the user's token, that a call comes with, as its protocol carries keys: `Authorization: Bearer`; the session token of AWS credentials,
 * since what the AWS SDKs put into Authorization is a signature, which is not looked at; the token of Seldon's clients.
 */
export function presentedKey(call: Call): string | undefined {
  const bearer = BEARER.exec(call.header("authorization") ?? "")?.[1]
  const presented = bearer ?? call.header("x-amz-security-token") ?? call.header("x-auth-token")
  return presented !== undefined && VISIBLE.test(presented) ? presented : undefined
}
