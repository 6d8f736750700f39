import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { GatewayError } from "#src/domain/errors.ts"
import { parseJson, parseJsonBytes } from "#src/http/strict-json.ts"

/** A document before it is written: objects know their keys as text, so that two spellings of one key can meet. */
type Node =
  | { readonly kind: "leaf"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly Node[] }
  | { readonly kind: "object"; readonly entries: readonly (readonly [string, Node])[] }

const KEYS = [
  '"a"',
  '"b"',
  String.raw`"\u0061"`,
  '"a:b"',
  String.raw`"\""`,
  String.raw`"\\:"`,
  '"{"',
  '"__proto__"',
  '""',
]
/** V8's JSON.parse confuses some keys once it has seen a key that is a lone backslash: github.com/nodejs/node/issues/63785. */
const LONE_BACKSLASH = String.raw`"\\"`
const LEAVES = [
  "0",
  "-1.5e-7",
  "true",
  "null",
  '""',
  '":"',
  String.raw`"\\\":{["`,
  String.raw`"\\"`,
  '"]},"',
  '"é\u2028"',
  "1e400",
]

const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom(...LEAVES).map((text): Node => ({ kind: "leaf", text })),
    fc.array(tie("node"), { maxLength: 4 }).map((items): Node => ({ kind: "list", items })),
    fc
      .array(fc.tuple(fc.constantFrom(...KEYS), tie("node")), { maxLength: 4 })
      .map((entries): Node => ({ kind: "object", entries })),
  ),
}))
const space = fc.constantFrom("", " ", "\n\t", "\r\n ")

function write(one: Node, gap: string): string {
  if (one.kind === "leaf") return `${gap}${one.text}${gap}`
  if (one.kind === "list") return `${gap}[${one.items.map((item) => write(item, gap)).join(",")}${gap}]${gap}`
  return `${gap}{${one.entries.map(([key, value]) => `${gap}${key}${gap}:${write(value, gap)}`).join(",")}${gap}}${gap}`
}

function hasDuplicate(one: Node): boolean {
  if (one.kind === "leaf") return false
  if (one.kind === "list") return one.items.some(hasDuplicate)
  const keys = new Set(one.entries.map(([key]) => JSON.parse(key)))
  return keys.size < one.entries.length || one.entries.some(([, value]) => hasDuplicate(value))
}

/** The value, or the code that it was refused with. Throws what isn't a refusal. */
function read(text: string): unknown {
  try {
    return { value: parseJson(text) }
  } catch (error) {
    if (error instanceof GatewayError) return error.code
    throw error
  }
}

/** What JSON.parse says, undefined where it refuses. */
function parsed(text: string): unknown {
  try {
    return { value: JSON.parse(text) }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function readBytes(bytes: Uint8Array): unknown {
  try {
    return { value: parseJsonBytes(bytes) }
  } catch (error) {
    if (error instanceof GatewayError) return error.code
    throw error
  }
}

describe("strict JSON", () => {
  it("reads what JSON.parse reads, but for a key twice in one object, at any depth and in any spelling", () => {
    fc.assert(
      fc.property(node, space, (document, gap) => {
        const text = write(document, gap)
        expect(read(text)).toEqual(hasDuplicate(document) ? "invalid_json" : { value: JSON.parse(text) })
      }),
      { numRuns: 2000 },
    )
  })

  it("takes 32 levels and refuses 33, of lists, objects or both", () => {
    const levels = fc.array(fc.boolean(), { minLength: 25, maxLength: 40 })
    fc.assert(
      fc.property(levels, (lists) => {
        const text = lists.reduce((inner, list) => (list ? `[${inner}]` : `{"a":${inner}}`), "1")
        expect(read(text)).toEqual(lists.length > 32 ? "invalid_json" : { value: JSON.parse(text) })
      }),
    )
  })

  it("reads nothing that JSON.parse refuses: documents with one character changed, any text", () => {
    const changed = fc
      .tuple(node, fc.nat(), fc.constantFrom("", '"', ":", "{", "}", "[", "]", ",", "\\", "\0", "a", "\ufeff"))
      .map(([document, at, character]) => {
        const text = write(document, "")
        const cut = at % (text.length + 1)
        return text.slice(0, cut) + character + text.slice(cut + 1)
      })
    fc.assert(
      fc.property(fc.oneof(changed, fc.string(), fc.json()), (text) => {
        fc.pre(!text.includes(LONE_BACKSLASH))
        const strict = read(text)
        const loose = parsed(text)
        // What it refuses beyond JSON.parse is the business of the properties above.
        expect(strict === "invalid_json" ? loose : strict).toEqual(loose)
      }),
      { numRuns: 2000 },
    )
  })

  it("reads bytes exactly where they are UTF-8", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 6 }), (middle) => {
        const bytes = Uint8Array.of(0x22, ...middle.map((byte) => (byte < 0x30 || byte === 0x5c ? 0x41 : byte)), 0x22)
        const text = Buffer.from(bytes).toString("utf8")
        const isUtf8 = Buffer.from(text, "utf8").equals(bytes)
        expect(readBytes(bytes)).toEqual(isUtf8 ? { value: JSON.parse(text) } : "invalid_json")
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    "\ufeff{}",
    "",
    " ",
    "{}{}",
    "{'a':1}",
    '{"a":1,}',
    "[1,]",
    "01",
    "NaN",
    "undefined",
    '"\n"',
    String.raw`"\x41"`,
  ])("refuses %j", (text) => {
    expect([read(text), readBytes(new TextEncoder().encode(text))]).toEqual(["invalid_json", "invalid_json"])
  })

  it("says nothing of the input", () => {
    for (const text of ['{"secret":1,"secret":2}', '{"secret":', "secret", `${"[".repeat(40)}"secret"`]) {
      expect(() => parseJson(text)).toThrowError(/^The body|^An object/)
      expect(() => parseJson(text)).not.toThrowError(/secret/)
    }
  })
})
