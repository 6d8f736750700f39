import { begin, finishAscii, type HashState, murmur3 } from "./murmur3.ts"

const encoder = new TextEncoder()

/** A field's part of its tokens, hashed once: `site_id=`, or nothing where the bare value is the token. */
export interface TokenPrefix {
  readonly text: string
  readonly state: HashState
}

export function createTokenPrefix(text: string): TokenPrefix {
  return { text, state: begin(encoder.encode(text), 0) }
}

/**
 * Hashes prefix and value over their UTF-8 bytes with seed 0, as scikit-learn's `FeatureHasher` hashes a token.
 *
 * ASCII, which is nearly everything, is hashed without an allocation. A lone surrogate counts as U+FFFD (Python has no bytes for it, so
 * there is nothing to be equal to).
 *
 * @returns a signed 32-bit integer
 */
export function hashToken(prefix: TokenPrefix, value: string): number {
  return finishAscii(prefix.state, value) ?? murmur3(encoder.encode(prefix.text + value), 0)
}
