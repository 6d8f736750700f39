import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { documentChanges } from "#src/domain/document-changes.ts"
import { mergePatch } from "#src/domain/merge-patch.ts"

describe("a merge patch", () => {
  // The cases of RFC 7396, appendix A.
  it.each<[unknown, unknown, unknown]>([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ a: "foo" }, "bar", "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])("makes of %j by %j %j", (document, patch, merged) => {
    expect(mergePatch(document, patch)).toEqual(merged)
  })

  it("takes a member named __proto__ for a member", () => {
    const merged = mergePatch({}, JSON.parse('{"__proto__": {"polluted": true}}'))
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype)
    expect(JSON.stringify(merged)).toBe('{"__proto__":{"polluted":true}}')
  })
})

describe("the difference of two documents", () => {
  it("is empty exactly where they say the same, in whatever order", () => {
    const document = fc.dictionary(
      fc.string(),
      fc.oneof(fc.integer(), fc.array(fc.integer()), fc.dictionary(fc.string(), fc.boolean())),
    )
    fc.assert(
      fc.property(document, document, (a, b) => {
        const reordered = Object.fromEntries(Object.entries(a).toReversed())
        expect(documentChanges(a, reordered)).toEqual([])
        expect(documentChanges(a, b).length === 0).toBe(JSON.stringify(sorted(a)) === JSON.stringify(sorted(b)))
      }),
    )
  })

  it("calls members of lists by their ids", () => {
    const before = {
      variants: [
        { id: "a", weight: 1 },
        { id: "b", weight: 1 },
      ],
      bounds: [0, 1],
    }
    const after = {
      variants: [
        { id: "b", weight: 2 },
        { id: "c", weight: 1 },
      ],
      bounds: [0, 2],
    }
    expect(documentChanges(before, after)).toEqual([
      { path: "variants.a", before: { id: "a", weight: 1 }, after: null },
      { path: "variants.b.weight", before: 1, after: 2 },
      { path: "variants.c", before: null, after: { id: "c", weight: 1 } },
      { path: "bounds", before: [0, 1], after: [0, 2] },
    ])
    expect(documentChanges({ constructor: 1 }, {})).toEqual([{ path: "constructor", before: 1, after: null }])
    expect(documentChanges({ a: {} }, { a: [] })).toEqual([{ path: "a", before: {}, after: [] }])
    expect(documentChanges(null, after)).toEqual([{ path: "", before: null, after }])
    expect(documentChanges({ metrics: [] }, { metrics: [{ id: "m" }] })).toEqual([
      { path: "metrics.m", before: null, after: { id: "m" } },
    ])
  })
})

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value
  return Object.entries(value)
    .map(([name, member]): [string, unknown] => [name, sorted(member)])
    .sort(([a], [b]) => (a < b ? -1 : 1))
}
