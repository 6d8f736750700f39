import { GatewayError } from "../domain/errors.ts"
import type { KeyUse } from "../domain/key-use.ts"
import type { Permission } from "../domain/permissions.ts"
import type { Clock } from "../ports/clock.ts"
import type { Call } from "./call.ts"
import { GuessLimit } from "./guess-limit.ts"
import type { ApiKey, KeyTable } from "./key-table.ts"
import { presentedKey } from "./presented-key.ts"

/** Who sent a request. */
export interface Caller {
  /** For history and audit: the name of a key, or of a user. */
  readonly name: string
  /** Experiments that it may have to do with; undefined: all. */
  readonly experiments?: ReadonlySet<string> | undefined
  /** Its key's rate, and where its use is noted. */
  readonly use?: KeyUse | undefined
}

/**
 * Says who sent a request.
 *
 * @param experiment the one that the request is about, where that is known already
 * @throws GatewayError `unauthorized`, `rate_limited`, or `forbidden` unless the request's key grants the permission; `experiment_not_found` where it
 *         is for other experiments, as if there were none of that name
 */
export type Authorize = (call: Call, permission: Permission, experiment?: string) => Caller

/** What somebody with a key or a token tried that it doesn't allow. */
export interface RefusedAttempt {
  readonly caller: Caller
  readonly call: Call
  readonly permission: Permission
  readonly experiment: string | undefined
}

/** Whoever asks for what needs no key. */
export const ANYBODY: Caller = { name: "anybody" }

/** A gateway on a loopback address without keys: whoever reaches it may do everything. */
export const ALLOW_ALL: Authorize = () => ANYBODY

export interface KeyCheckParts {
  readonly keys: KeyTable
  readonly clock: Clock
  /** Told of what a key doesn't allow. Requests without a valid key are only counted: they could fill a disk. */
  readonly refused?: ((attempt: RefusedAttempt) => void) | undefined
}

/** Checks the key that a call presents. */
export function requireApiKey({ keys, clock, refused }: KeyCheckParts): Authorize {
  const guesses = new GuessLimit()

  const identify = (call: Call, now: number): ApiKey => {
    const presented = presentedKey(call)
    const found = presented === undefined ? undefined : keys.find(presented)
    const key = found !== undefined && now < found.expiresAt ? found : undefined
    // A call without a key guesses nothing; neither does one whose key was right until now.
    const isGuess = presented !== undefined && found === undefined
    const waitMs =
      key === undefined ? (isGuess ? guesses.wrong(call.peer, now) : 0) : guesses.right(call.peer, key.digest, now)
    if (waitMs > 0) throw limited(waitMs, "Too many wrong keys came from this address.")
    if (key === undefined) {
      throw new GatewayError("unauthorized", {
        detail:
          "Send Authorization: Bearer <key> with a key that is in force: one of API_KEYS, or one made under /admin/keys.",
      })
    }
    return key
  }

  return (call, permission, experiment) => {
    const now = clock.now()
    const key = identify(call, now)
    requireGrant(key, { caller: key, call, permission, experiment }, refused)
    return key
  }
}

/** @throws GatewayError `forbidden`, `experiment_not_found` */
export function requireGrant(
  { permissions }: { readonly permissions: ReadonlySet<Permission> },
  attempt: RefusedAttempt,
  refused: KeyCheckParts["refused"],
): void {
  const { caller, permission, experiment } = attempt
  if (permissions.has(permission) && (experiment === undefined || mayUse(caller, experiment))) return
  refused?.(attempt)
  if (permissions.has(permission)) throw new GatewayError("experiment_not_found")
  throw new GatewayError("forbidden", { detail: `The key lacks the permission "${permission}".` })
}

/** Whether an experiment is among those that a caller may have to do with. */
export function mayUse({ experiments }: Caller, experiment: string): boolean {
  return experiments === undefined || experiments.has(experiment)
}

/** For an experiment that is known only after the body was read. @throws GatewayError `experiment_not_found`, as if there were none of that name */
export function requireScope(caller: Caller, experiment: string): void {
  if (!mayUse(caller, experiment)) throw new GatewayError("experiment_not_found")
}

/** @param waitMs after how long it is worth trying again */
export function limited(waitMs: number, detail: string): GatewayError {
  return new GatewayError("rate_limited", { detail, retryAfterSeconds: Math.ceil(waitMs / 1000) })
}
