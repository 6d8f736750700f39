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
 * @throws GatewayError `unauthorized`, `rate_limited`, or `forbidden` (CallerRefused) unless the request's key grants the permission;
 *         `experiment_not_found` as `requireScope`
 */
export type Authorize = (call: Call, permission: Permission, experiment?: string) => Caller

/** A caller who is known may not have what it asked for. Callers who are not known are only counted: a record of them could fill a disk. */
export class CallerRefused extends GatewayError {
  readonly caller: Caller

  constructor(caller: Caller, code: "forbidden" | "experiment_not_found", detail?: string) {
    super(code, detail === undefined ? {} : { detail })
    this.caller = caller
  }
}

/** Whoever asks for what needs no key. */
export const ANYBODY: Caller = { name: "anybody" }

/** A gateway on a loopback address without keys: whoever reaches it may do everything. */
export const ALLOW_ALL: Authorize = () => ANYBODY

export interface KeyCheckParts {
  readonly keys: KeyTable
  readonly clock: Clock
}

/** Checks the key that a call presents. */
export function requireApiKey({ keys, clock }: KeyCheckParts): Authorize {
  const guesses = new GuessLimit()

  const identify = (call: Call, now: number): ApiKey => {
    const presented = presentedKey(call)
    const key = presented === undefined ? undefined : keys.find(presented)
    let waitMs = 0
    if (key?.guessable === true) waitMs = guesses.right(call.peer, key.digest, now)
    else if (key === undefined && presented !== undefined)
      waitMs = guesses.wrong(call.peer, keys.digest(presented), now)
    if (waitMs > 0) throw limited(waitMs, "Too many wrong keys came from this address.")
    if (key !== undefined && now < key.expiresAt) return key
    throw new GatewayError("unauthorized", {
      detail:
        "Send Authorization: Bearer <key> with a key that is in force: one of API_KEYS, or one made under /admin/keys.",
    })
  }

  return (call, permission, experiment) => {
    const now = clock.now()
    const key = identify(call, now)
    requireGrant(key, key.permissions, permission)
    if (experiment !== undefined) requireScope(key, experiment)
    return key
  }
}

/** @throws CallerRefused `forbidden` */
export function requireGrant(caller: Caller, granted: ReadonlySet<Permission>, permission: Permission): void {
  if (!granted.has(permission)) {
    throw new CallerRefused(caller, "forbidden", `The key or token lacks the permission "${permission}".`)
  }
}

/** Whether an experiment is among those that a caller may have to do with. */
export function mayUse({ experiments }: Caller, experiment: string): boolean {
  return experiments === undefined || experiments.has(experiment)
}

/** @throws CallerRefused `experiment_not_found` where the caller's key is for other experiments: as if there were none of that name */
export function requireScope(caller: Caller, experiment: string): void {
  if (!mayUse(caller, experiment)) throw new CallerRefused(caller, "experiment_not_found")
}

/** @param waitMs after how long it is worth trying again */
export function limited(waitMs: number, detail: string): GatewayError {
  return new GatewayError("rate_limited", { detail, retryAfterSeconds: Math.ceil(waitMs / 1000) })
}
