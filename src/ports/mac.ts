/** Message authentication and randomness, synchronous on every runtime. */
export interface Mac {
  /** HMAC-SHA-256 of `data` under the key that this instance was made for: 32 bytes. */
  sign(data: Uint8Array): Uint8Array
}

/** Fills `target` with cryptographically strong random bytes. */
export type RandomBytes = (target: Uint8Array) => void
