import type { KeyUse } from "../domain/key-use.ts"
import type { Permission } from "../domain/permissions.ts"

/** One API key, as requests are checked against it. */
export interface ApiKey {
  readonly name: string
  readonly permissions: ReadonlySet<Permission>
  /** Experiments that it is for; undefined: all. */
  readonly experiments: ReadonlySet<string> | undefined
  /** What a presented key must hash to. */
  readonly digest: string
  /** Epoch milliseconds; `Infinity`: never. */
  readonly expiresAt: number
  /** What is noted of its use; nothing of a key of the settings. */
  readonly use: KeyUse | undefined
  /** Whether a person may have made it up: a key of the settings, not one of 256 random bits. */
  readonly guessable: boolean
}

/** The keys that are in force now. Keys of the settings always are; the others are replaced as a whole. */
export class KeyTable {
  readonly #configured: readonly ApiKey[]
  readonly digest: (secret: string) => string
  #byDigest: ReadonlyMap<string, ApiKey>
  /** What a secret was found to be, so that one in use isn't hashed for every request: only true ones, so as many as there are keys. */
  readonly #found = new Map<string, ApiKey>()

  /** @param digest a one-way function of a secret, so that comparing takes a time that says nothing about it */
  constructor(configured: readonly ApiKey[], digest: (secret: string) => string) {
    this.#configured = configured
    this.digest = digest
    this.#byDigest = new Map()
    this.replace([])
  }

  /** From now on these are in force beside the keys of the settings, which win where a secret is both. */
  replace(made: readonly ApiKey[]): void {
    this.#byDigest = new Map([...made, ...this.#configured].map((key) => [key.digest, key]))
    this.#found.clear()
  }

  find(secret: string): ApiKey | undefined {
    let key = this.#found.get(secret)
    if (key === undefined) {
      key = this.#byDigest.get(this.digest(secret))
      if (key !== undefined) this.#found.set(secret, key)
    }
    return key
  }
}
