import { GatewayError } from "../domain/errors.ts"
import type { Call } from "./call.ts"

/** What a key may do. A reward needs none: a decision token carries its own proof. */
export const PERMISSIONS = ["predict", "force", "view", "edit", "admin"] as const

export type Permission = (typeof PERMISSIONS)[number]

/** Who sent a request. */
export interface Caller {
  /** For history and audit: the name of a key. */
  readonly name: string
}

/** Says who sent a request. @throws GatewayError `unauthorized` or `forbidden` unless the request's key grants the permission */
export type Authorize = (call: Call, permission: Permission) => Caller

/** One API key: `permissions` of the holder of `secret`. */
export interface ApiKey {
  readonly name: string
  readonly permissions: ReadonlySet<Permission>
  /** What a presented key must hash to. */
  readonly digest: string
}

/** Whoever asks for what needs no key. */
export const ANYBODY: Caller = { name: "anybody" }

/** A gateway on a loopback address without keys: whoever reaches it may do everything. */
export const ALLOW_ALL: Authorize = () => ANYBODY

/**
 * The API key that a request brings, as its protocol carries keys: `Authorization: Bearer`; the session token of AWS credentials, since what the AWS
 * SDKs put into Authorization is a signature, which is not looked at; the token of Seldon's clients.
 */
function presentedKey(call: Call): string | undefined {
  const bearer = /^Bearer (.*)$/.exec(call.header("authorization") ?? "")?.[1]
  return bearer ?? call.header("x-amz-security-token") ?? call.header("x-auth-token")
}

/**
 * Checks the key that a request brings.
 *
 * @param digest a one-way function of a key, so that comparing takes a time that says nothing about the key
 */
export function requireApiKey(keys: readonly ApiKey[], digest: (key: string) => string): Authorize {
  const byDigest = new Map(keys.map((key) => [key.digest, key]))
  return (call, permission) => {
    const match = /^[\x21-\x7e]{1,256}$/.exec(presentedKey(call) ?? "")
    const key = match === null ? undefined : byDigest.get(digest(match[0]))
    if (key === undefined) {
      throw new GatewayError("unauthorized", { detail: "Send Authorization: Bearer <key> with a key of API_KEYS." })
    }
    if (!key.permissions.has(permission)) {
      throw new GatewayError("forbidden", { detail: `The key lacks the permission "${permission}".` })
    }
    return key
  }
}
