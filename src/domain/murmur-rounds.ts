/**
 * The rounds of MurmurHash3's 32-bit variant, which the assignment of units and the hash of features are both made of. All of them take and return
 * 32-bit integers, signed or not; golden vectors of both hashes hold them fast.
 *
 * Source: Appleby (2011), MurmurHash3, public domain.
 */

/** Spreads a block of four bytes before it enters the hash. A block of 0 stays 0. */
export function scramble(block: number): number {
  const k = Math.imul(block, 0xcc9e2d51)
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593)
}

/** The hash after one more block of four bytes. */
export function addBlock(hash: number, block: number): number {
  const h = hash ^ scramble(block)
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
}

/** The final mix: every bit of the input reaches every bit of the output. */
export function mix(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
