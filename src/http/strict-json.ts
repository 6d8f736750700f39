import { GatewayError } from "../domain/errors.ts"

const MAX_DEPTH = 32
const QUOTE = 34
const BACKSLASH = 92
const COLON = 58
const OPEN_BRACKET = 91
const OPEN_BRACE = 123
const CLOSE_BRACKET = 93
const CLOSE_BRACE = 125
const BYTE_ORDER_MARK = 0xfeff

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/**
 * Reads a JSON document from bytes, stricter than `JSON.parse`: well-formed UTF-8, no byte order mark, no duplicate keys, at most 32 levels.
 * RFC 8259 leaves duplicate keys to the reader; two readers that differ on them can be played against each other.
 *
 * @throws GatewayError `invalid_json`, its detail in the gateway's own words: a parser's message would echo the input
 */
export function parseJsonBytes(bytes: Uint8Array): unknown {
  return parseJson(decodeUtf8(bytes))
}

/** A body as text. @throws GatewayError `invalid_json` where it is not well-formed UTF-8 */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new GatewayError("invalid_json", { detail: "The body is not well-formed UTF-8.", cause })
  }
}

/**
 * Whether no text in a body that was read can hold half a surrogate pair: as bytes it would not be UTF-8, so it takes an escape. Asked once, it
 * spares asking every text.
 */
export function hasNoEscapes(bytes: Uint8Array): boolean {
  return !bytes.includes(BACKSLASH)
}

/** The same for text. */
export function parseJson(text: string): unknown {
  if (text.length === 0) throw new GatewayError("invalid_json", { detail: "The body is empty." })
  if (text.charCodeAt(0) === BYTE_ORDER_MARK) {
    throw new GatewayError("invalid_json", { detail: "The body starts with a byte order mark." })
  }
  const keys = countKeysInText(text)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new GatewayError("invalid_json", { detail: "The body is not a JSON document.", cause })
  }
  if (countKeys(value) !== keys) {
    throw new GatewayError("invalid_json", { detail: "An object in the body has the same key twice." })
  }
  return value
}

/** Counts the keys of a text that is JSON: each is followed by a colon, and no other colon is outside strings. Refuses what is nested too deep. */
function countKeysInText(text: string): number {
  const escapes = text.includes("\\")
  const count = { keys: 0, depth: 0 }
  let from = 0
  // Looked for here and not while looking at each character: V8 may then search anew for each of them, which takes many seconds for a MiB without any.
  for (let open = text.indexOf('"'); open >= 0; open = text.indexOf('"', from)) {
    countOutsideStrings(text, from, open, count)
    from = 1 + (escapes ? endOfString(text, open) : endOfPlainString(text, open))
  }
  countOutsideStrings(text, from, text.length, count)
  return count.keys
}

function countOutsideStrings(text: string, from: number, to: number, count: { keys: number; depth: number }): void {
  for (let i = from; i < to; i++) {
    switch (text.charCodeAt(i)) {
      case COLON:
        count.keys++
        break
      case OPEN_BRACE:
      case OPEN_BRACKET:
        if (++count.depth > MAX_DEPTH) {
          throw new GatewayError("invalid_json", { detail: `The body is nested more than ${MAX_DEPTH} levels deep.` })
        }
        break
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        count.depth--
        break
    }
  }
}

/** Index of the closing quote, or past the end of an unterminated string. */
function endOfString(text: string, open: number): number {
  let i = open + 1
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) return i
    if (code === BACKSLASH) i++
  }
  return i
}

/** The same in a text without a single backslash. */
function endOfPlainString(text: string, open: number): number {
  const close = text.indexOf('"', open + 1)
  return close < 0 ? text.length : close
}

/** Keys of all objects in a parsed document; its depth is bounded by the scan. */
function countKeys(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0
  let keys = 0
  if (Array.isArray(value)) {
    for (const item of value) keys += countKeys(item)
    return keys
  }
  const record = value as Record<string, unknown>
  // Not Object.keys: a list of names for every object costs as much as the rest.
  for (const key in record) {
    keys++
    const child = record[key]
    if (typeof child === "object") keys += countKeys(child)
  }
  return keys
}
