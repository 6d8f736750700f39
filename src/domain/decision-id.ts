import type { DecisionId } from "./ids.ts"

/** Crockford's base 32: no I, L, O, U. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
const PATTERN = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/
/** By character code; 0 for what is no character of an id. */
const VALUES = Uint8Array.from({ length: 128 }, (_, code) => Math.max(0, ALPHABET.indexOf(String.fromCharCode(code))))
const TIME_CHARACTERS = 10
const RANDOM_CHARACTERS = 16
const NUMBER_CHARACTERS = 5

/** Independent numbers that the randomness of an id holds. */
export const RANDOM_NUMBERS = 3
/** Each of them is a whole number below this: 2^25. */
export const RANDOM_VALUES = 32 ** NUMBER_CHARACTERS

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
  return numberAt(id, 0, TIME_CHARACTERS)
}

/** One of the numbers that the id's randomness holds. @param index below `RANDOM_NUMBERS` */
export function randomNumber(id: DecisionId, index: number): number {
  return numberAt(id, TIME_CHARACTERS + index * NUMBER_CHARACTERS, NUMBER_CHARACTERS)
}

function numberAt(id: string, start: number, length: number): number {
  let value = 0
  // A text that is too short has nothing there, which counts as 0.
  for (let i = start; i < start + length; i++) value = value * 32 + (VALUES[id.charCodeAt(i)] ?? 0)
  return value
}
