import { addBlock, mix, scramble } from "../../domain/murmur-rounds.ts"

/** MurmurHash3 in the middle of its input: everything a prefix determines. */
export interface HashState {
  readonly hash: number
  /** The bytes after the last whole block of four, little endian, and how many bits they are: 0, 8, 16 or 24. */
  readonly pending: number
  readonly pendingBits: number
  /** Bytes taken so far. */
  readonly length: number
}

/** The state after the bytes of a prefix. `seed` is taken as a 32-bit integer. */
export function begin(prefix: Uint8Array, seed: number): HashState {
  let hash = seed | 0
  let pending = 0
  let pendingBits = 0
  for (const byte of prefix) {
    pending |= byte << pendingBits
    pendingBits += 8
    if (pendingBits === 32) {
      hash = addBlock(hash, pending)
      pending = 0
      pendingBits = 0
    }
  }
  return { hash, pending, pendingBits, length: prefix.length }
}

/**
 * Hash of a prefix followed by an ASCII text, without making bytes of it.
 *
 * @returns the hash as a signed 32-bit integer, or undefined when a character is not ASCII
 */
export function finishAscii(state: HashState, text: string): number | undefined {
  let { hash, pending, pendingBits } = state
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return undefined
    pending |= code << pendingBits
    pendingBits += 8
    if (pendingBits === 32) {
      hash = addBlock(hash, pending)
      pending = 0
      pendingBits = 0
    }
  }
  return finish(hash, pending, state.length + text.length)
}

/**
 * MurmurHash3, the 32-bit variant for x86.
 *
 * @param seed taken as a 32-bit integer
 * @returns the hash as a signed 32-bit integer, the form in which scikit-learn uses it
 * Source: Appleby (2011), MurmurHash3, public domain.
 */
export function murmur3(bytes: Uint8Array, seed: number): number {
  const state = begin(bytes, seed)
  return finish(state.hash, state.pending, state.length)
}

/** Without pending bytes `pending` is 0, which scrambles to 0. */
function finish(hash: number, pending: number, length: number): number {
  return mix(hash ^ scramble(pending) ^ length)
}
