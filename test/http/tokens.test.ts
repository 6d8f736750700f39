import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { GatewayError } from "#src/domain/errors.ts"
import { MAX_TOKEN_LENGTH } from "#src/domain/token.ts"
import { toProblem } from "#src/http/problem.ts"
import { createTestGateway, readJson } from "./gateway.ts"

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \u00e9".split("")
const INVALID = JSON.stringify(toProblem(new GatewayError("token_invalid")))

const gateway = await createTestGateway()
await gateway.publish({ id: "other", control: "challenger", holdout: 1 })
const token = await gateway.decide({ unitId: "user-42" })
const otherToken = await gateway.decide({ experiment: "other" })

/** Posts forgeries in batches and returns what any of them was answered but "not valid". */
async function surprises(forgeries: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (let from = 0; from < forgeries.length; from += 1000) {
    const batch = forgeries.slice(from, from + 1000)
    const { results } = await readJson(
      await gateway.postJson(
        "/reward",
        batch.map((decision) => ({ decision })),
      ),
    )
    if (!Array.isArray(results) || results.length !== batch.length) throw new Error("not one answer per item")
    found.push(...batch.filter((_, i) => JSON.stringify(results[i]) !== INVALID))
  }
  return found
}

describe("a decision token", () => {
  it("is refused with any single character changed, left out or put in", async () => {
    const forgeries = token
      .split("")
      .flatMap((original, at) => [
        token.slice(0, at) + token.slice(at + 1),
        ...ALPHABET.flatMap((character) => [
          ...(character === original ? [] : [token.slice(0, at) + character + token.slice(at + 1)]),
          token.slice(0, at) + character + token.slice(at),
        ]),
      ])
    expect(forgeries.length).toBeGreaterThan(10_000)
    expect(await surprises(forgeries)).toEqual([])
  })

  it("is refused cut off anywhere", async () => {
    expect(await surprises(Array.from({ length: token.length - 1 }, (_, i) => token.slice(0, i + 1)))).toEqual([])
    expect(await surprises(Array.from({ length: token.length - 1 }, (_, i) => token.slice(i + 1)))).toEqual([])
  })

  it("is refused with its fields swapped, dropped, doubled or taken from another", async () => {
    const fields = token.split(".")
    const others = otherToken.split(".")
    const positions = fields.map((_, i) => i)
    const swapped = positions.flatMap((a) =>
      positions.map((b) => fields.with(a, fields[b] ?? "").with(b, fields[a] ?? "")),
    )
    const dropped = positions.map((at) => fields.toSpliced(at, 1))
    const doubled = positions.map((at) => fields.toSpliced(at, 0, fields[at] ?? ""))
    const mixed = Array.from({ length: 2 ** fields.length }, (_, mask) =>
      fields.map((field, i) => ((mask >> i) % 2 === 1 ? (others[i] ?? "") : field)),
    )
    const genuine = new Set([token, otherToken])
    const forgeries = [...swapped, ...dropped, ...doubled, ...mixed].map((parts) => parts.join("."))
    expect(await surprises(forgeries.filter((forgery) => !genuine.has(forgery)))).toEqual([])
    expect(fields).toHaveLength(others.length)
  })

  it("has one spelling: of all last characters only the issued one passes", async () => {
    const body = token.slice(0, -1)
    const others = ALPHABET.map((character) => body + character).filter((spelling) => spelling !== token)
    expect(await surprises(others)).toEqual([])
  })

  it("is refused by URL with the same bytes, whatever was forged", async () => {
    const bodies = new Set<string>()
    const forgery = fc
      .tuple(fc.nat(token.length - 1), fc.constantFrom(...ALPHABET))
      .map(([at, character]) => token.slice(0, at) + character + token.slice(at + 1))
    await fc.assert(
      fc.asyncProperty(
        forgery.filter((one) => one !== token),
        async (one) => {
          const response = await gateway.request(`/reward?d=${encodeURIComponent(one)}`)
          expect(response.status).toBe(403)
          bodies.add(await response.text())
        },
      ),
      { numRuns: 300 },
    )
    expect([...bodies]).toEqual([INVALID])
  })

  it("survives all of that: it is taken once, and its forgeries counted nothing", async () => {
    expect(await gateway.rewards()).toBe(0)
    expect(await readJson(await gateway.request(`/reward?d=${token}`))).toMatchObject({ status: "applied" })
    expect(await gateway.rewards()).toBe(1)
  })

  it("fits a URL, whatever the experiment is called", async () => {
    const id = "x".repeat(63)
    const variant = "y".repeat(32)
    const variants = [{ id: variant, backend: { kind: "embedded", model: "a" } }]
    const reward = { metric: "click", attributionWindowSeconds: 30 * 86_400 }
    await gateway.publish({ id, variants, control: variant, reward })
    const longest = await gateway.decide({ experiment: id })
    expect(longest.length).toBeLessThanOrEqual(MAX_TOKEN_LENGTH)
    expect(encodeURIComponent(longest)).toBe(longest)
    expect((await gateway.request(`/reward?d=${longest}`)).status).toBe(200)
  })
})
