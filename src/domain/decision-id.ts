import type { DecisionId } from "./ids.ts"

/** Crockford's base 32: no I, L, O, U. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
const PATTERN = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/
const RANDOM_CHARACTERS = 16
const POOL_BYTES = RANDOM_CHARACTERS * 256

/** Makes the id of the decision taken at `now` (epoch milliseconds). */
export type DecisionIds = (now: number) => DecisionId

/**
 * A source of ULIDs: ten characters of time, sixteen of randomness (80 bits).
 *
 * @param fillRandom fills an array with random bytes; called once per 256 ids
 */
export function createDecisionIds(fillRandom: (target: Uint8Array) => void): DecisionIds {
  const pool = new Uint8Array(POOL_BYTES)
  let used = POOL_BYTES
  let lastTime = -1
  let timePart = ""
  return (now) => {
    if (used === POOL_BYTES) {
      fillRandom(pool)
      used = 0
    }
    if (now !== lastTime) {
      lastTime = now
      timePart = encodeTime(now)
    }
    let id = timePart
    for (let i = 0; i < RANDOM_CHARACTERS; i++) id += ALPHABET[(pool[used + i] as number) & 31]
    used += RANDOM_CHARACTERS
    return id as DecisionId
  }
}

function encodeTime(now: number): string {
  let text = ""
  let rest = now
  for (let i = 0; i < 10; i++) {
    text = (ALPHABET[rest % 32] as string) + text
    rest = Math.floor(rest / 32)
  }
  return text
}

/** The id as a branded string, undefined when the text is none. */
export function parseDecisionId(text: string): DecisionId | undefined {
  return PATTERN.test(text) ? (text as DecisionId) : undefined
}

/** When the decision was taken, epoch milliseconds, from its id. */
export function decisionTime(id: DecisionId): number {
  let time = 0
  for (let i = 0; i < 10; i++) time = time * 32 + ALPHABET.indexOf(id.charAt(i))
  return time
}
