import type { ApiKeySetting } from "../config.ts"
import { ALLOW_ALL, type Authorize, type Permission, requireApiKey } from "../http/authorize.ts"

/** Authorisation by the configured keys, compared by their digests; without keys, which only a loopback address may lack, everything is allowed. */
export function authorization(apiKeys: readonly ApiKeySetting[], digest: (secret: string) => string): Authorize {
  if (apiKeys.length === 0) return ALLOW_ALL
  const keys = apiKeys.map(({ name, permissions, secret }) => ({
    name,
    permissions: new Set(permissions as Permission[]),
    digest: digest(secret),
  }))
  return requireApiKey(keys, digest)
}
