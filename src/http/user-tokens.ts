import { GatewayError } from "../domain/errors.ts"
import type { Permission } from "../domain/permissions.ts"
import type { UserTokens } from "../ports/user-tokens.ts"
import { type Authorize, type Caller, requireGrant } from "./authorize.ts"
import type { Call } from "./call.ts"
import { presentedKey } from "./presented-key.ts"

/** As `Authorize`; a promise for a user's token, which takes work to check. @throws GatewayError also `identity_unavailable` */
export type AuthorizeAdmin = (
  call: Call,
  permission: Permission,
  experiment?: string,
) => ReturnType<Authorize> | Promise<ReturnType<Authorize>>

/** Header, payload and signature, the header being a JSON object: what no API key looks like. */
const TOKEN = /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/

export interface UserCheckParts {
  readonly tokens: UserTokens
  /** What a role or group of the provider may do. */
  readonly permissionsOf: ReadonlyMap<string, readonly Permission[]>
  /** For calls that come with an API key. */
  readonly authorize: Authorize
}

/** Checks tokens of users beside API keys. */
export function authorizeUsers({ tokens, permissionsOf, authorize }: UserCheckParts): AuthorizeAdmin {
  const check = async (token: string, permission: Permission): Promise<Caller> => {
    const user = await tokens.verify(token)
    if (user === undefined) {
      throw new GatewayError("unauthorized", {
        detail: "The token is not one that the identity provider has made for this gateway, or has expired.",
      })
    }
    const permissions = new Set(user.roles.flatMap((role) => permissionsOf.get(role) ?? []))
    const caller = { name: user.name }
    requireGrant(caller, permissions, permission)
    return caller
  }
  return (call, permission, experiment) => {
    const presented = presentedKey(call)
    if (presented === undefined || !TOKEN.test(presented)) return authorize(call, permission, experiment)
    return check(presented, permission)
  }
}
