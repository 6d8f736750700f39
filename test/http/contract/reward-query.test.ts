import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { GatewayError } from "#src/domain/errors.ts"
import { readRewardQuery } from "#src/http/contract/reward-query.ts"

/** The command, or the code that the query was refused with. Throws what isn't a refusal. */
function read(search: string): unknown {
  try {
    return readRewardQuery(search)
  } catch (error) {
    if (error instanceof GatewayError) return error.code
    throw error
  }
}

const token = fc.stringMatching(/^v1\.[A-Za-z0-9_.-]{1,190}$/)
const visible = fc.stringMatching(/^[!-~]{1,64}$/).filter((text) => !text.includes("%"))

describe("reading a postback's query", () => {
  it("takes any order and spelling of what it knows", () => {
    const parameters = fc.record(
      {
        d: token,
        m: fc.stringMatching(/^[A-Za-z0-9_.-]{1,64}$/),
        v: fc.integer().map(String),
        e: visible,
        exp: visible,
      },
      { requiredKeys: ["d"] },
    )
    fc.assert(
      fc.property(parameters, fc.boolean(), (given, backwards) => {
        const pairs = Object.entries(given).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
        const search = (backwards ? pairs.toReversed() : pairs).join("&")
        expect(read(search)).toEqual({
          decision: given.d,
          metric: given.m,
          value: given.v === undefined ? undefined : Number(given.v),
          eventId: given.e,
          experiment: given.exp,
        })
      }),
    )
  })

  it("takes every finite number as it is commonly written", () => {
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.float().map(Number), fc.integer()), (value) => {
        const written = String(value).replace("+", "%2B")
        const command = { decision: "x", value: value === 0 ? 0 : value }
        expect(read(`d=x&v=${written}`)).toEqual(Number.isFinite(value) ? command : "reward_out_of_range")
      }),
    )
  })

  it("refuses anything else without another kind of error, and says nothing of it", () => {
    const name = fc.constantFrom("d", "m", "v", "e", "exp", "redirect", "D", "d[]", "", "__proto__", "constructor")
    const value = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string(),
      fc.constantFrom("%", "%zz", "%00", "%2525", "${D}", "%E0%A4%A"),
    )
    const pairs = fc.array(fc.tuple(name, value).map(([left, right]) => `${left}=${right}`)).map((all) => all.join("&"))
    fc.assert(
      fc.property(fc.oneof(pairs, fc.string({ unit: "binary" }), fc.webQueryParameters()), (search) => {
        expect(read(search)).toEqual(
          expect.toBeOneOf([
            "bad_request",
            "token_malformed",
            "reward_out_of_range",
            expect.objectContaining({ decision: expect.any(String) }),
          ]),
        )
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    ["d=x&v=1e400", "reward_out_of_range"],
    [`d=x&v=0.${"1".repeat(25)}`, "reward_out_of_range"],
    ["d=x&m=", "bad_request"],
    [`d=x&m=${"m".repeat(65)}`, "bad_request"],
    ["d=x&e=", "bad_request"],
    ["d=x&d=x", "bad_request"],
    ["d", "token_malformed"],
    ["", "token_malformed"],
    ["d=%24%7BTOKEN%7D", "token_malformed"],
    ["d=%%TOKEN%%", "token_malformed"],
    ["&&d=x&", { decision: "x", metric: undefined, value: undefined, eventId: undefined, experiment: undefined }],
  ])("answers %s", (search, expected) => {
    expect(read(search)).toEqual(expected)
  })
})
