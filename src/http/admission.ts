import type { Clock } from "../ports/clock.ts"
import { ANYBODY, type Authorize, type Caller, CallerRefused, limited } from "./authorize.ts"
import type { Call } from "./call.ts"
import type { Operation } from "./contract/operation.ts"
import type { RequireOwnPage } from "./own-pages.ts"
import type { AuthorizeAdmin } from "./user-tokens.ts"

export interface AdmissionDeps {
  readonly authorize: Authorize
  /** Takes tokens of users too; `authorize` where left out. */
  readonly authorizeAdmin?: AuthorizeAdmin | undefined
  readonly requireOwnPage: RequireOwnPage
  readonly clock: Clock
}

/** Lets a call in and says whose it is. Throws or rejects with a GatewayError where it is refused; a promise only for a user's token. */
export type Admit = (call: Call) => Caller | Promise<Caller>

/** Who may call an operation, before anything else is done for the call. What the contract doesn't open to somebody is closed. */
export function admitTo(
  { path, method, permission, scope }: Operation,
  { authorize, authorizeAdmin = authorize, requireOwnPage, clock }: AdmissionDeps,
): Admit {
  const isAdmin = path === "/admin" || path.startsWith("/admin/")
  const needed = permission ?? (isAdmin ? "admin" : undefined)
  if (needed === undefined) return () => ANYBODY
  const check = isAdmin ? authorizeAdmin : authorize
  const changes = isAdmin && method !== "get"
  const isAboutOne = path.includes("{experiment}")
  const seesScope = isAboutOne || scope === "handler"

  const admit = (caller: Caller): Caller => {
    if (!seesScope && caller.experiments !== undefined) {
      throw new CallerRefused(
        caller,
        "forbidden",
        "The key is for some experiments alone, and this is about all of them.",
      )
    }
    if (caller.use === undefined) return caller
    const now = clock.now()
    caller.use.used(now)
    const waitMs = caller.use.take(now)
    if (waitMs > 0) throw limited(waitMs, "The key has used up its requestsPerSecond.")
    return caller
  }
  return (call) => {
    if (changes) requireOwnPage(call)
    const caller = check(call, needed, isAboutOne ? call.param("experiment") : undefined)
    return caller instanceof Promise ? caller.then(admit) : admit(caller)
  }
}
