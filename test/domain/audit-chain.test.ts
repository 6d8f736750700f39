import { hash } from "node:crypto"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ChainCheck, type ChainPlace, chainLine, NO_LINE, placeOf } from "#src/domain/audit-chain.ts"

const sha256 = (text: string) => hash("sha256", text)

function trail(records: readonly string[]): string[] {
  let head: ChainPlace = { chain: "ab".repeat(8), seq: 0, hash: NO_LINE }
  return records.map((said) => {
    const line = chainLine(head, { said })
    head = { chain: head.chain, seq: head.seq + 1, hash: sha256(line) }
    return line
  })
}

function check(lines: readonly string[], heads: readonly ChainPlace[] = []) {
  const checked = new ChainCheck(sha256, heads)
  for (const line of lines) checked.take(line)
  checked.end()
  return checked.problems
}

function headOf(lines: readonly string[]): ChainPlace {
  const place = placeOf(lines.at(-1) ?? "", sha256)
  if (place === undefined) throw new Error("no line")
  return place
}

const records = fc.array(fc.string(), { minLength: 2, maxLength: 20 })

describe("a trail", () => {
  it("is as it was written", () => {
    fc.assert(
      fc.property(records, (said) => {
        const lines = trail(said)
        expect(check(lines, [headOf(lines)])).toEqual([])
      }),
    )
  })

  it("shows any line that was changed, left out, doubled or exchanged, also the last, once its head was streamed", () => {
    fc.assert(
      fc.property(
        records,
        fc.nat(),
        fc.constantFrom("change", "leave out", "double", "exchange", "cut"),
        (said, n, how) => {
          const lines = trail(said)
          const at = n % lines.length
          const [line = ""] = lines.slice(at)
          const spoilt = {
            change: lines.with(at, line.replace('"said":"', '"said":"x')),
            "leave out": lines.toSpliced(at, 1),
            double: lines.toSpliced(at, 0, line),
            exchange: lines.toSpliced(
              Math.min(at, lines.length - 2),
              2,
              ...lines
                .slice(Math.min(at, lines.length - 2))
                .slice(0, 2)
                .toReversed(),
            ),
            cut: lines.slice(0, at),
          }[how]
          expect(check(spoilt, [headOf(lines)]).length).toBeGreaterThan(0)
        },
      ),
    )
  })

  it("says where and what", () => {
    const lines = trail(["a", "b", "c", "d"])
    expect(check(lines.with(1, lines[1]?.replace('"b"', '"B"') ?? ""))).toEqual([
      { line: 3, message: "does not follow from the line before it: that line was changed" },
    ])
    expect(check(lines.toSpliced(1, 1))[0]).toEqual({
      line: 2,
      message: "is number 3, and 2 was to come: 1 missing, or out of order",
    })
    expect(check(lines.slice(0, 2), [headOf(lines)])).toEqual([
      { line: 3, message: "is missing: the trail ends at number 2, and its head was at 4 once" },
    ])
    expect(check(["not a line"])).toEqual([{ line: 1, message: "is not a line of an audit trail" }])
  })
})
