import type { Permission } from "../domain/permissions.ts"

/** An API key that was made, without its secret, which only its holder has. */
export interface StoredKey {
  /** Sixteen lower-case hexadecimal digits. */
  readonly id: string
  /** For people. Several keys may have the same one, as while one replaces another. */
  readonly name: string
  /** SHA-256 of the secret in base64url. */
  readonly digest: string
  readonly permissions: readonly Permission[]
  /** Ids of the experiments that it is for; null: all, later ones too. */
  readonly experiments: readonly string[] | null
  /** How often it may be used at each gateway; null: without a limit. */
  readonly requestsPerSecond: number | null
  /** Epoch milliseconds, as all times here. */
  readonly createdAt: number
  /** Name of the key or user that made it. */
  readonly createdBy: string
  /** When it stops being in force; null: never. */
  readonly expiresAt: number | null
  /** Some time within the last minutes of its use; null before the first. */
  readonly lastUsedAt: number | null
}

/** When a key was used. */
export interface KeyUsed {
  readonly id: string
  /** Epoch milliseconds. */
  readonly at: number
}

/**
 * The API keys that were made and not revoked, possibly shared by several gateways. Every method may throw GatewayError `store_unavailable`,
 * retryable: what was to be written may or may not be there then.
 */
export interface KeyStore {
  /** Every key, in the order in which they were made. Asked every second: an adapter that is far away asks whether anything has changed. */
  all(): Promise<readonly StoredKey[]>
  /** Adds a key; durable when it settles. */
  add(key: StoredKey): Promise<void>
  /** Removes a key; durable when it settles. @returns whether there was one */
  remove(id: string): Promise<boolean>
  /** Raises when keys were last used; never lowers it. Keys that are gone stay so. */
  used(uses: readonly KeyUsed[]): Promise<void>
}

/** A store that can be made to have what another has. */
export interface ReplaceableKeyStore extends KeyStore {
  /** Keeps these keys instead of those before; durable when it settles. */
  replace(keys: readonly StoredKey[]): Promise<void>
}
