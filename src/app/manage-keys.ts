import { GatewayError } from "../domain/errors.ts"
import { KEY_USE_BYTES, KeyUse } from "../domain/key-use.ts"
import type { AuditRecord } from "../ports/audit-log.ts"
import type { Clock } from "../ports/clock.ts"
import type { KeyStore, StoredKey } from "../ports/key-store.ts"
import type { Logger } from "../ports/logger.ts"
import type { AuditTrail } from "./audit-trail.ts"

const SECRET_BYTES = 32
const ID_BYTES = 8
/** So that secrets are found in files where they don't belong. */
const SECRET_PREFIX = "bgk_"
const MAX_KEYS = 1_000
/** An expired key is shown so long, so that whoever still uses it can find out why it is refused. */
const EXPIRED_SHOWN_MS = 30 * 86_400_000

/** What is asked for when a key is made. */
export type KeyWish = Pick<StoredKey, "name" | "permissions" | "experiments" | "requestsPerSecond" | "expiresAt">

/** A key that has just been made: the one time that its secret is there. */
export interface MadeKey {
  readonly key: StoredKey
  readonly secret: string
}

/** A key in force, and the memory in which whoever checks it notes its use. */
export interface LiveKey {
  readonly key: StoredKey
  /** `KEY_USE_BYTES`, the same for all threads. */
  readonly memory: SharedArrayBuffer
}

/** What the HTTP layer needs of it; on a serving thread, asked of the control thread. */
export interface ManageKeys {
  /** Every key that was made and not revoked. @throws GatewayError `store_unavailable` */
  list(): Promise<readonly StoredKey[]>
  /** @throws GatewayError `too_many_keys`, `audit_unavailable`, `store_unavailable`: there may be a key then whose secret nobody has */
  make(wish: KeyWish, actor: string): Promise<MadeKey>
  /** It acts in this gateway when it settles, in others over the same store within two seconds. @returns whether there was such a key */
  revoke(id: string, actor: string): Promise<boolean>
}

export interface KeyManagementParts {
  readonly store: KeyStore
  readonly audit: Pick<AuditTrail, "record" | "note">
  readonly clock: Clock
  readonly logger: Logger
  /** Fills an array with bytes that nobody can guess. */
  readonly randomBytes: (target: Uint8Array) => void
  /** SHA-256 in base64url. */
  readonly digest: (secret: string) => string
  /** Puts keys in force, instead of those before, wherever they are checked. */
  readonly putInForce: (keys: readonly LiveKey[]) => unknown
}

/** The keys of a gateway: made, listed and revoked here, and followed where another gateway over the same store does so. */
export class KeyManagement implements ManageKeys {
  readonly #parts: KeyManagementParts
  #live: readonly LiveKey[] = []
  #following: Promise<unknown> = Promise.resolve()
  #failure: unknown

  constructor(parts: KeyManagementParts) {
    this.#parts = parts
  }

  async list(): Promise<readonly StoredKey[]> {
    await this.#follow()
    return this.#live.map(({ key, memory }) => {
      const lastUsedAt = Math.max(key.lastUsedAt ?? 0, new KeyUse(memory).lastUsedAt ?? 0)
      return lastUsedAt === 0 ? key : { ...key, lastUsedAt }
    })
  }

  async make(wish: KeyWish, actor: string): Promise<MadeKey> {
    const { store, clock, randomBytes, digest } = this.#parts
    const now = clock.now()
    const keys = await store.all()
    const gone = keys.filter(({ expiresAt }) => expiresAt !== null && expiresAt < now - EXPIRED_SHOWN_MS)
    for (const { id } of gone) await store.remove(id)
    if (keys.length - gone.length >= MAX_KEYS) {
      throw new GatewayError("too_many_keys", { detail: `There are ${MAX_KEYS} keys already. Revoke some first.` })
    }
    const secret = `${SECRET_PREFIX}${random(SECRET_BYTES, randomBytes).toBase64({ alphabet: "base64url", omitPadding: true })}`
    const key: StoredKey = {
      id: random(ID_BYTES, randomBytes).toHex(),
      name: wish.name,
      digest: digest(secret),
      permissions: wish.permissions,
      experiments: wish.experiments,
      requestsPerSecond: wish.requestsPerSecond,
      createdAt: now,
      createdBy: actor,
      expiresAt: wish.expiresAt,
      lastUsedAt: null,
    }
    await this.#recorded({ actor, action: "key.create", subject: key.id, diff: grantsOf(key) }, () => store.add(key))
    await this.#follow()
    return { key, secret }
  }

  async revoke(id: string, actor: string): Promise<boolean> {
    const { store } = this.#parts
    if ((await store.all()).every((key) => key.id !== id)) return false
    const removed = await this.#recorded({ actor, action: "key.revoke", subject: id }, () => store.remove(id))
    await this.#follow()
    return removed
  }

  /** The first look. @throws GatewayError `config_invalid` where what is stored is damaged */
  async open(): Promise<void> {
    await this.look()
    if (this.#failure instanceof GatewayError && this.#failure.code === "config_invalid") throw this.#failure
  }

  /** Puts in force what the store has now. While it doesn't answer the last keys stay in force. Never rejects. */
  async look(): Promise<void> {
    const { logger } = this.#parts
    try {
      await this.#follow()
      if (this.#failure !== undefined) logger.info({}, "API keys can be read again")
      this.#failure = undefined
    } catch (error) {
      if (this.#failure === undefined) {
        logger.error({ err: error }, "API keys can't be read: the last known ones stay in force")
      }
      this.#failure = error
    }
  }

  /** Writes down when keys were last used. Never rejects: what fails is written the next time. */
  async noteUses(): Promise<void> {
    const uses = this.#live.flatMap(({ key, memory }) => {
      const at = new KeyUse(memory).lastUsedAt
      return at === undefined || at <= (key.lastUsedAt ?? 0) ? [] : [{ id: key.id, at }]
    })
    if (uses.length > 0) await Promise.allSettled([this.#parts.store.used(uses)])
  }

  /** No change without its line in the audit trail, written before it acts. */
  async #recorded<T>(record: Omit<AuditRecord, "outcome">, change: () => Promise<T>): Promise<T> {
    const { audit } = this.#parts
    await audit.record({ ...record, outcome: "done" })
    try {
      return await change()
    } catch (error) {
      const code = error instanceof GatewayError ? error.code : "internal"
      void audit.note({ ...record, outcome: "failed", code })
      throw error
    }
  }

  /** One after the other: what was read before a revocation must not be put in force after it. */
  #follow(): Promise<void> {
    const followed = this.#following.then(() => this.#followNow())
    this.#following = followed.catch(() => undefined)
    return followed
  }

  async #followNow(): Promise<void> {
    const { store, putInForce } = this.#parts
    const keys = await store.all()
    const memories = new Map(this.#live.map(({ key, memory }) => [key.id, memory]))
    const unchanged = keys.length === memories.size && keys.every(({ id }) => memories.has(id))
    const live = keys.map((key) => ({ key, memory: memories.get(key.id) ?? new SharedArrayBuffer(KEY_USE_BYTES) }))
    // A key never changes but in when it was used last.
    if (!unchanged) await putInForce(live)
    this.#live = live
  }
}

function random(bytes: number, fill: KeyManagementParts["randomBytes"]): Uint8Array {
  const target = new Uint8Array(bytes)
  fill(target)
  return target
}

/** What somebody who reads the audit trail wants to know of a new key. */
function grantsOf({ name, permissions, experiments, requestsPerSecond, expiresAt }: StoredKey): string[] {
  return Object.entries({ name, permissions, experiments, requestsPerSecond, expiresAt }).flatMap(([member, value]) =>
    value === null ? [] : [`${member}: ${JSON.stringify(value)}`],
  )
}
