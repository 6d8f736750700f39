import * as fc from "fast-check"
import { MAX_FEATURES, MAX_NAME_LENGTH, MAX_NUMBER, MAX_TEXT_LENGTH } from "#src/http/contract/features.ts"

/** V8's JSON.parse confuses some keys once it has seen a key that is a lone backslash: github.com/nodejs/node/issues/63785. */
const LONE_BACKSLASH = "\\"

/** Text of every kind, well-formed, also longer than most. */
const text = (maxLength: number) =>
  fc
    .string({ unit: "grapheme", maxLength: 12 })
    .map((part) => part.slice(0, maxLength))
    .filter((part) => part.isWellFormed())

const name = fc.oneof(
  fc.constantFrom("a", "banner_pos", "C1", "hour", "a b", "/", "~", "é", "x".repeat(MAX_NAME_LENGTH)),
  text(MAX_NAME_LENGTH).filter((one) => one.length > 0 && one !== LONE_BACKSLASH && !(one in {})),
)

const value = fc.oneof(
  text(MAX_TEXT_LENGTH),
  fc.constantFrom("", "x".repeat(MAX_TEXT_LENGTH), MAX_NUMBER, -MAX_NUMBER, 0, 5e-324),
  fc.double({ min: -MAX_NUMBER, max: MAX_NUMBER, noNaN: true }),
  fc.boolean(),
)

/** Feature objects that are allowed, as the wire brings them: -0 comes as 0 once it has been read. */
export const allowedFeatures = fc.dictionary(name, value, { maxKeys: 6 }).map(asJson)

/** Values that a feature can't have. */
export const refusedValue = fc.oneof(
  fc.constantFrom<unknown>(null, [], {}, ["a"], { a: 1 }, "\ud800", "a\udc00", 1e308, 2 ** 53, -(2 ** 53)),
  fc.constant("x".repeat(MAX_TEXT_LENGTH + 1)),
)

/** Names that a feature can't have. `__proto__` is tested apart: zod leaves it out of what it looks at. */
export const refusedName = fc.constantFrom(
  "",
  "toString",
  "constructor",
  "valueOf",
  "\ud800",
  "x".repeat(MAX_NAME_LENGTH + 1),
)

/** One feature more than allowed. */
export const tooManyFeatures = Object.fromEntries(Array.from({ length: MAX_FEATURES + 1 }, (_, i) => [`f${i}`, i]))

/** What arrives of a value that is sent as JSON. */
export function asJson<T>(sent: T): T {
  return JSON.parse(JSON.stringify(sent))
}
