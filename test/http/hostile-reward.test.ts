import { describe, expect, it } from "vitest"
import { createTestGateway, readJson, type TestGateway } from "./gateway.ts"
import { attack, expectRefused, type HostileInput, titleOf } from "./hostile.ts"

/** A gateway and a token of it that has not been rewarded. */
interface Target extends TestGateway {
  readonly token: string
}
type Input = HostileInput<Target>

async function createTarget(through: "hono" | "node"): Promise<Target> {
  const gateway = await createTestGateway({ through })
  return { ...gateway, token: await gateway.decide() }
}

type Query = (target: Target, mark: string) => string | Promise<string>

/** `GET /reward` with this query. */
function query(row: number, what: string, status: number, slug: string, search: Query): Input {
  return {
    row,
    what,
    status,
    slug,
    send: async (target, mark) => await target.request(`/reward?${await search(target, mark)}`),
  }
}

/** A token that was changed after it was signed. */
function forged(row: number, what: string, change: (token: string) => string): Input {
  return query(row, what, 403, "token-invalid", ({ token }) => `d=${encodeURIComponent(change(token))}`)
}

/** `POST /reward` with this body, as it is. */
function body(
  row: number,
  what: string,
  status: number,
  slug: string,
  text: (target: Target, mark: string) => string,
  mediaType = "application/json",
): Input {
  return {
    row,
    what,
    status,
    slug,
    send: (target, mark) =>
      target.request("/reward", {
        method: "POST",
        headers: { "content-type": mediaType },
        body: text(target, mark),
      }),
  }
}

/** Replaces one field of a token: 0 version, 1 key, 2 experiment, 3 revision, 4 variant, 5 propensity, 6 window, 7 id, 8 mac. */
function withField(index: number, value: string | ((field: string) => string)): (token: string) => string {
  return (token) =>
    token
      .split(".")
      .map((field, i) => (i === index ? (typeof value === "string" ? value : value(field)) : field))
      .join(".")
}

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
/** The neighbour of a character that differs in its lowest bit. */
const flipped = (character: string) => BASE64URL[BASE64URL.indexOf(character) ^ 1] ?? "A"
const flipLast = (text: string) => text.slice(0, -1) + flipped(text.slice(-1))

const OUT_OF_RANGE = ["1e400", "NaN", "-1", "0x10", "1,5", "\u0661", "1".repeat(400), "", " 1", "1_0", "Infinity", "01"]
const BROKEN_ESCAPES = ["%2525", "%E0%A4%A", "%00", "%c0%ae", "%", "%zz", "%0d%0aSet-Cookie:a=b", "%7f"]

/**
 * Rows 67 (too soon, too many from one source), 71 (a partner's signature) and 72 (values that must be signed) act only where configured, and
 * nothing configures them yet.
 */
const INPUTS: readonly Input[] = [
  query(49, "no token", 400, "token-malformed", () => ""),
  query(49, "an empty token", 400, "token-malformed", () => "d="),
  query(49, "a token of 5 KB", 400, "token-malformed", (_, mark) => `d=${mark.padEnd(5000, "x")}`),
  query(49, "a metric and no token", 400, "token-malformed", () => "m=click&v=1"),
  body(49, "no token", 400, "token-malformed", () => "{}"),
  body(49, "an empty token", 400, "token-malformed", () => '{"decision":""}'),
  body(49, "a token of 5 KB", 400, "token-malformed", (_, mark) => `{"decision":"${mark.padEnd(5000, "x")}"}`),
  forged(50, "a bit of the mac flipped", withField(10, flipLast)),
  forged(
    50,
    "a bit of the id flipped",
    withField(9, (id) => flipLast(id).toUpperCase()),
  ),
  forged(50, "a digit of the propensity", withField(6, "1")),
  ...[0, 1, 16, 20, 21].map((length) =>
    forged(
      51,
      `a mac of ${length} characters`,
      withField(10, (mac) => mac.slice(0, length)),
    ),
  ),
  ...[1, 9, 11, 22].map((more) =>
    forged(
      51,
      `a mac of ${22 + more} characters`,
      withField(10, (mac) => mac + "A".repeat(more)),
    ),
  ),
  forged(
    52,
    "padding",
    withField(10, (mac) => `${mac}==`),
  ),
  forged(
    52,
    "the other base64 alphabet",
    withField(10, (mac) =>
      mac
        .replaceAll("-", "+")
        .replaceAll("_", "/")
        .replace(/^[A-Za-z0-9]/, "+"),
    ),
  ),
  forged(52, "trailing bits", withField(10, flipLast)),
  forged(52, "a space around it", (token) => ` ${token}`),
  forged(52, "a line feed after it", (token) => `${token}\u2028`),
  ...["k2", "../k", "__proto__", "constructor", "", "K1", "k1 "].map((id) =>
    forged(53, `the key ${JSON.stringify(id)}`, withField(1, id)),
  ),
  ...["v0", "none", "v2", "", "V1"].map((version) =>
    forged(54, `the version ${JSON.stringify(version)}`, withField(0, version)),
  ),
  forged(54, "no mac", (token) => token.slice(0, token.lastIndexOf(".") + 1)),
  query(55, "a token of another experiment", 403, "token-invalid", ({ token }) => `d=${token}&exp=other`),
  query(55, "an experiment that isn't one", 403, "token-invalid", ({ token }, mark) => `d=${token}&exp=${mark}`),
  forged(
    56,
    "another variant",
    withField(5, (id) => (id === "champion" ? "challenger" : "champion")),
  ),
  forged(56, "another experiment", withField(2, "other")),
  forged(56, "another revision", withField(3, "2")),
  forged(56, "another series", withField(4, "2")),
  forged(56, "another unit group", withField(7, "99l")),
  forged(
    56,
    "learning switched",
    withField(7, (field) => field.replace("l", "n")),
  ),
  forged(56, "a longer window", withField(8, "999999")),
  query(57, "expired by a millisecond", 410, "token-expired", async ({ clock, decide }) => {
    const fresh = await decide()
    clock.advance(2 * 3600 + 0.001)
    return `d=${fresh}`
  }),
  query(58, "issued more than an hour ahead", 403, "token-invalid", async ({ clock, decide }) => {
    const fresh = await decide()
    clock.advance(-3600.001)
    return `d=${fresh}`
  }),
  query(61, "a parameter twice", 400, "bad-request", ({ token }, mark) => `d=${token}&d=${mark}`),
  query(61, "a parameter as a list", 400, "bad-request", ({ token }) => `d[]=${token}`),
  query(61, "a parameter in capitals", 400, "bad-request", ({ token }) => `D=${token}`),
  query(61, "an escaped name", 400, "bad-request", ({ token }) => `%64=${token}`),
  query(61, "a parameter __proto__", 400, "bad-request", ({ token }, mark) => `d=${token}&__proto__=${mark}`),
  ...BROKEN_ESCAPES.map((text) =>
    query(62, `the escape ${text}`, 400, "bad-request", ({ token }, mark) => `d=${token}&m=${mark}${text}`),
  ),
  ...BROKEN_ESCAPES.map((text) =>
    query(62, `the escape ${text} in a token`, 400, "bad-request", (_, mark) => `d=${mark}${text}`),
  ),
  {
    row: 63,
    what: "HEAD",
    status: 405,
    send: ({ request, token }) => request(`/reward?d=${token}`, { method: "HEAD" }),
  },
  {
    row: 63,
    what: "HEAD of the pixel",
    status: 405,
    send: ({ request, token }) => request(`/reward.gif?d=${token}`, { method: "HEAD" }),
  },
  ...["sec-purpose", "purpose"].map(
    (name): Input => ({
      row: 63,
      what: `a prefetch by ${name}`,
      status: 204,
      send: ({ request, token }) => request(`/reward?d=${token}`, { headers: { [name]: "prefetch;prerender" } }),
    }),
  ),
  query(64, "a redirect", 400, "bad-request", ({ token }, mark) => `d=${token}&redirect=https://${mark}`),
  query(64, "a redirect without a scheme", 400, "bad-request", ({ token }, mark) => `d=${token}&redirect=//${mark}`),
  ...OUT_OF_RANGE.map((value) =>
    query(
      65,
      `the value ${JSON.stringify(value.slice(0, 12))}`,
      422,
      "reward-out-of-range",
      ({ token }) => `d=${token}&v=${encodeURIComponent(value)}`,
    ),
  ),
  ...['"1"', "null", "true", "[]", "1e400"].map((value) =>
    body(
      65,
      `the value ${value}`,
      422,
      "reward-out-of-range",
      ({ token }) => `{"decision":"${token}","value":${value}}`,
    ),
  ),
  ...["1.0000001", "-0.5", "2", "1e300"].map((value) =>
    query(66, `the value ${value}`, 422, "reward-out-of-range", ({ token }) => `d=${token}&v=${value}`),
  ),
  ...["${TOKEN}", "%%TOKEN%%", "{token}", "[TOKEN]", "%24%7BTOKEN%7D"].map((macro) =>
    query(68, `the macro ${macro}`, 400, "token-malformed", () => `d=${macro}&m=click`),
  ),
  body(
    69,
    "1,001 rewards",
    413,
    "payload-too-large",
    ({ token }) => `[${Array<string>(1001).fill(`{"decision":"${token}"}`).join()}]`,
  ),
  body(
    69,
    "1,001 lines",
    413,
    "payload-too-large",
    ({ token }) => `{"decision":"${token}"}\n`.repeat(1001),
    "application/x-ndjson",
  ),
  body(69, "more than 1 MiB", 413, "payload-too-large", (_, mark) => `["${mark.padEnd(1_048_576, "x")}"]`),
  ...["-1", "256", "1.5", "", "01", "0x1", "1e1"].map((text) =>
    query(69, `the instance ${JSON.stringify(text)}`, 400, "bad-request", ({ token }) => `d=${token}&i=${text}`),
  ),
  ...["-1", "256", "1.5", '"1"', "null", "[]"].map((json) =>
    body(
      69,
      `the instance ${json}`,
      422,
      "validation-failed",
      ({ token }) => `{"decision":"${token}","instance":${json}}`,
    ),
  ),
  body(69, "no rewards", 400, "not-an-object", () => "[]"),
  body(69, "no lines", 400, "not-an-object", () => "\n\n", "application/x-ndjson"),
  body(69, "null", 400, "not-an-object", () => "null"),
  body(69, "text", 400, "not-an-object", (_, mark) => `"${mark}"`),
  body(69, "no JSON", 400, "invalid-json", (_, mark) => `{"decision":"${mark}`),
  body(69, "lines as plain text", 415, "unsupported-media-type", () => "{}", "text/plain"),
  body(
    69,
    "an unknown member",
    422,
    "validation-failed",
    ({ token }, mark) => `{"decision":"${token}","propensity":"${mark}"}`,
  ),
  body(69, "__proto__", 422, "validation-failed", ({ token }, mark) => `{"decision":"${token}","__proto__":"${mark}"}`),
  body(
    69,
    "another metric",
    422,
    "validation-failed",
    ({ token }, mark) => `{"decision":"${token}","metric":"${mark}"}`,
  ),
  body(
    69,
    "an event id with a space",
    422,
    "validation-failed",
    ({ token }, mark) => `{"decision":"${token}","eventId":"${mark} x"}`,
  ),
  query(69, "an event id with a space", 400, "bad-request", ({ token }, mark) => `d=${token}&e=${mark}+x`),
  query(69, "another metric", 422, "validation-failed", ({ token }, mark) => `d=${token}&m=${mark}`),
  query(74, "of an experiment that was removed", 410, "experiment-gone", async ({ publish, publisher, decide }) => {
    const { id } = await publish()
    const fresh = await decide()
    await publisher.remove(id, { actor: "test", source: "api" })
    return `d=${fresh}`
  }),
]

describe.each(["hono", "node"] as const)("a reward through %s", (through) => {
  it.each(INPUTS.map((input) => [titleOf(input), input] as const))("%s", async (_title, input) => {
    const target = await createTarget(through)
    await attack(target, input)
    expect(await target.rewards()).toBe(0)
  })

  it("50-54, 56: fails before its mac is right with one body, whatever is wrong", async () => {
    const bodies = new Set<string>()
    for (const { row, what, send } of INPUTS.filter(({ row, status }) => row >= 50 && row <= 58 && status === 403)) {
      const target = await createTarget(through)
      const text = await (await send(target, "zqjxkvwpzqjx")).text()
      expect([row, what, text.length]).toEqual([row, what, expect.any(Number)])
      bodies.add(text)
    }
    expect(bodies.size).toBe(1)
  })

  it("57, 58: is late until it expires, and taken a minute ahead", async () => {
    const target = await createTarget(through)
    target.clock.advance(2 * 3600)
    await expectRefused(await target.request(`/reward?d=${target.token}`), 409, "reward-out-of-window")
    const fresh = await target.decide()
    target.clock.advance(-60)
    expect(await readJson(await target.request(`/reward?d=${fresh}`))).toMatchObject({ status: "applied" })
  })

  it("63: is taken by GET after its prefetch", async () => {
    const target = await createTarget(through)
    await target.request(`/reward.gif?d=${target.token}`, { headers: { "sec-purpose": "prefetch" } })
    const pixel = await target.request(`/reward.gif?d=${target.token}`)
    expect([pixel.status, pixel.headers.get("content-type")]).toEqual([200, "image/gif"])
    expect(pixel.headers.get("cache-control")).toBe("no-store")
    const image = Buffer.from(await pixel.arrayBuffer())
    expect(image.toString("latin1")).toMatch(/^GIF89a.*;$/s)
    expect([image.readUInt16LE(6), image.readUInt16LE(8)]).toEqual([1, 1])
    expect(await target.rewards()).toBe(1)
  })

  it("68: has its own counter where a macro was not filled in", async () => {
    const target = await createTarget(through)
    await target.request("/reward?d=${TOKEN}")
    await target.request("/reward.gif?d=%%TOKEN%%")
    expect(await (await target.request("/metrics")).text()).toContain("bandit_reward_tokens_malformed_total 2\n")
  })
})
