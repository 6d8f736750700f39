import { hash } from "node:crypto"
import { createUserTokens } from "../adapters/jose/user-tokens.ts"
import type { LiveKey } from "../app/manage-keys.ts"
import type { Config } from "../config.ts"
import { KeyUse } from "../domain/key-use.ts"
import type { Permission } from "../domain/permissions.ts"
import type { AdmissionDeps } from "../http/admission.ts"
import { ALLOW_ALL, requireApiKey } from "../http/authorize.ts"
import { type ApiKey, KeyTable } from "../http/key-table.ts"
import { requireOwnPage } from "../http/own-pages.ts"
import type { KeyRouteDeps } from "../http/routes/keys.ts"
import { authorizeUsers } from "../http/user-tokens.ts"
import type { Clock } from "../ports/clock.ts"

/** Who may do what, as one thread checks it. */
export interface Authorization extends Omit<AdmissionDeps, "clock">, Pick<KeyRouteDeps, "configuredKeys"> {
  /** From now on these are in force beside the keys of the settings. */
  readonly putInForce: (keys: readonly LiveKey[]) => void
}

/** Why a gateway that asks for no keys makes none. */
export const NO_KEYS_NEEDED =
  "This gateway asks for no keys, since neither API_KEYS nor OIDC_ISSUER is set. Start it with API_KEYS=first:admin:<secret>, and make keys with that one."

/** One-way, so that a stored key is none. */
export function digestSecret(secret: string): string {
  return hash("sha256", secret, "base64url")
}

/** Authorisation by keys and, under /admin, by users' tokens. Where neither is configured, which only a loopback address may lack, everything is allowed. */
export function createAuthorization(
  { apiKeys, oidc, needsKeys, publicUrl }: Pick<Config, "apiKeys" | "oidc" | "needsKeys" | "publicUrl">,
  clock: Clock,
): Authorization {
  const configured = apiKeys.map(
    ({ name, permissions, secret }): ApiKey => ({
      name,
      permissions: new Set(permissions as Permission[]),
      experiments: undefined,
      digest: digestSecret(secret),
      expiresAt: Number.POSITIVE_INFINITY,
      use: undefined,
      guessable: true,
    }),
  )
  const keys = new KeyTable(configured, digestSecret)
  const authorize = needsKeys ? requireApiKey({ keys, clock }) : ALLOW_ALL
  return {
    authorize,
    authorizeAdmin:
      oidc &&
      authorizeUsers({
        tokens: createUserTokens(oidc, clock),
        permissionsOf: new Map(oidc.roles.map(({ role, permissions }) => [role, permissions as Permission[]])),
        authorize,
      }),
    requireOwnPage: requireOwnPage(publicUrl),
    configuredKeys: configured.map(({ name, permissions }) => ({ name, permissions: [...permissions] })),
    putInForce: (live) => keys.replace(live.map(toApiKey)),
  }
}

function toApiKey({ key, memory }: LiveKey): ApiKey {
  return {
    name: key.name,
    permissions: new Set(key.permissions),
    experiments: key.experiments === null ? undefined : new Set(key.experiments),
    digest: key.digest,
    expiresAt: key.expiresAt ?? Number.POSITIVE_INFINITY,
    use: new KeyUse(memory, key.requestsPerSecond ?? undefined),
    guessable: false,
  }
}
