import { gzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { createTestGateway, readJson, type TestGateway } from "./gateway.ts"
import { attack, expectIntactPrototype, type HostileInput, soon, titleOf } from "./hostile.ts"

type Input = HostileInput<TestGateway>

/** A prediction request with this body, as it is. */
function body(
  row: number,
  what: string,
  status: number,
  slug: string,
  text: (mark: string) => string | Uint8Array<ArrayBuffer>,
): Input {
  return { row, what, status, slug, send: (target, mark) => post(target, text(mark)) }
}

function post(
  target: TestGateway,
  text: string | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return target.request("/predict", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: text,
  })
}

/** A good prediction request with this header. */
function header(row: number, name: string, value: (mark: string) => string, status: number, slug?: string): Input {
  const what = `${name}: ${value("…").slice(0, 40)}`
  const send = (target: TestGateway, mark: string) => post(target, '{"features":{"a":"1"}}', { [name]: value(mark) })
  return slug === undefined ? { row, what, status, send } : { row, what, status, slug, send }
}

const features = (members: string) => `{"experiment":"banner-ctr","features":{${members}}}`
const keys = (count: number) => Array.from({ length: count }, (_, i) => `"k${i}":1`).join()
const bytes = (...parts: (string | number)[]) =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === "number" ? [part] : [...Buffer.from(part)])))
const BOMB = gzipSync(Buffer.alloc(100 * 1024 * 1024), { level: 1 })

const INPUTS: readonly Input[] = [
  // There are no trace and request ids yet: what a caller sends as one is ignored, and never comes back (below).
  header(18, "traceparent", (mark) => `00-${mark}`, 200),
  header(18, "traceparent", (mark) => mark.padEnd(6000, "x"), 200),
  header(19, "x-request-id", (mark) => `${mark}%0d%0aSet-Cookie: a=b`, 200),
  header(19, "x-request-id", (mark) => mark.padEnd(5000, "x"), 200),

  body(20, "empty", 400, "invalid-json", () => ""),
  body(20, "cut off", 400, "invalid-json", (mark) => `{"${mark}":`),
  body(20, "NaN", 400, "invalid-json", (mark) => features(`"${mark}":NaN`)),
  body(20, "two documents", 400, "invalid-json", (mark) => `{"a":"${mark}"}{"b":1}`),
  body(20, "a comment", 400, "invalid-json", (mark) => `{"a":1} // ${mark}`),
  body(21, "null", 400, "not-an-object", () => "null"),
  body(21, "a list", 400, "not-an-object", (mark) => `["${mark}"]`),
  body(21, "text", 400, "not-an-object", (mark) => `"${mark}"`),
  body(21, "a number", 400, "not-an-object", () => "1"),
  body(22, "bytes that are not UTF-8", 400, "invalid-json", (mark) => bytes(`{"a":"${mark}`, 0xff, 0xfe, '"}')),
  body(22, "an overlong slash", 400, "invalid-json", (mark) => bytes(`{"a":"${mark}`, 0xc0, 0xaf, '"}')),
  body(22, "a surrogate in UTF-8", 400, "invalid-json", (mark) => bytes(`{"a":"${mark}`, 0xed, 0xa0, 0x80, '"}')),
  body(
    23,
    "half a surrogate pair as unit",
    422,
    "validation-failed",
    (mark) => `{"unitId":"\\ud800${mark}","features":{}}`,
  ),
  body(23, "half a surrogate pair as feature", 422, "validation-failed", (mark) => features(`"a":"\\ud800${mark}"`)),
  body(23, "half a surrogate pair as name", 422, "validation-failed", (mark) => features(`"\\udc00${mark}":1`)),
  body(24, "a byte order mark", 400, "invalid-json", (mark) => bytes(0xef, 0xbb, 0xbf, `{"a":"${mark}"}`)),
  header(25, "content-type", () => "text/plain", 415, "unsupported-media-type"),
  header(25, "content-type", () => "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
  header(25, "content-type", (mark) => `multipart/form-data; boundary=${mark}`, 415, "unsupported-media-type"),
  header(25, "content-type", () => "application/json; charset=utf-16", 415, "unsupported-media-type"),
  header(25, "content-type", (mark) => `application/${mark}`, 415, "unsupported-media-type"),
  header(25, "content-type", () => "application/json; charset=UTF-8", 200),
  {
    row: 25,
    what: "no content type",
    status: 415,
    slug: "unsupported-media-type",
    send: (target, mark) => target.request("/predict", { method: "POST", body: bytes(`{"a":"${mark}"}`) }),
  },
  ...["gzip", "br", "zstd", "deflate", "gzip, gzip", "x"].map((encoding) =>
    header(26, "content-encoding", () => encoding, 415, "unsupported-encoding"),
  ),
  {
    row: 26,
    what: "100 MiB of zeros, compressed",
    status: 415,
    slug: "unsupported-encoding",
    send: (target) => post(target, BOMB, { "content-encoding": "gzip" }),
  },
  body(30, "33 levels", 400, "invalid-json", (mark) => `${"[".repeat(33)}"${mark}"${"]".repeat(33)}`),
  body(30, "30,000 levels", 400, "invalid-json", () => `${"[".repeat(30_000)}${"]".repeat(30_000)}`),
  body(30, "30,000 levels of objects, cut off", 400, "invalid-json", () => '{"a":'.repeat(12_000)),
  body(31, "257 features", 422, "validation-failed", () => features(keys(257))),
  body(31, "6,000 features", 422, "validation-failed", () => features(keys(6000))),
  body(31, "6,000 members of the request", 422, "validation-failed", () => `{"experiment":"banner-ctr",${keys(6000)}}`),
  // 20,000 keys are more than 64 KiB whatever their names.
  body(31, "20,000 features", 413, "payload-too-large", () => features(keys(20_000))),
  ...["__proto__", "constructor", "prototype.constructor", "toString", "hasOwnProperty", "__defineGetter__"].map(
    (name) =>
      name.includes(".")
        ? body(32, `${name} nested`, 422, "validation-failed", (mark) =>
            features(`"constructor":{"prototype":{"x":"${mark}"}}`),
          )
        : body(32, `a feature ${name}`, 422, "validation-failed", (mark) => features(`"${name}":"${mark}"`)),
  ),
  body(32, "__proto__ beside features", 422, "validation-failed", () => '{"features":{"a":1},"__proto__":{"x":1}}'),
  body(32, "__proto__ instead of features", 422, "validation-failed", () => '{"__proto__":{"features":{"a":1}}}'),
  body(32, "__proto__ as the features", 422, "validation-failed", () => features('"__proto__":{"x":1}')),
  body(32, "constructor in a flat request", 422, "validation-failed", (mark) => `{"constructor":"${mark}"}`),
  body(33, "a key twice", 400, "invalid-json", (mark) => `{"experiment":"a","experiment":"${mark}","features":{}}`),
  body(33, "a key twice, escaped once", 400, "invalid-json", (mark) => `{"features":{"a":1,"\\u0061":"${mark}"}}`),
  body(33, "a key twice in a slate", 400, "invalid-json", (mark) => `{"instances":[{"a":1},{"a":1,"a":"${mark}"}]}`),
  ...["1e400", "-1e400", "1e308", "9007199254740993", "-9007199254740993"].map((number) =>
    body(34, `the number ${number}`, 422, "validation-failed", () => features(`"x":${number}`)),
  ),
  // Features are named here, so that a vector can't have the wrong length; it can have the wrong shape.
  body(35, "a vector", 422, "validation-failed", () => '{"experiment":"banner-ctr","features":[1,2,3]}'),
  body(35, "text", 422, "validation-failed", (mark) => `{"experiment":"banner-ctr","features":"${mark}"}`),
  body(35, "mixed values", 422, "validation-failed", (mark) => features(`"a":1,"b":["${mark}"],"c":null,"d":{}`)),
  body(35, "an empty slate", 422, "validation-failed", () => '{"experiment":"banner-ctr","instances":[]}'),
  body(35, "a slate of 257", 422, "validation-failed", () => `{"instances":[${Array(257).fill("{}").join()}]}`),
  body(35, "a slate of mixed things", 422, "validation-failed", (mark) => `{"instances":[{"a":1},"${mark}",2,null]}`),
  body(35, "features and instances", 422, "validation-failed", () => '{"features":{},"instances":[{}]}'),
  body(35, "neither", 422, "validation-failed", () => '{"experiment":"banner-ctr"}'),
  body(36, "an unknown experiment", 404, "experiment-not-found", (mark) => `{"experiment":"${mark}","features":{}}`),
  {
    row: 36,
    what: "an unknown experiment in the path",
    status: 404,
    slug: "experiment-not-found",
    send: (target, mark) => target.postJson(`/predict/${mark}`, { features: {} }),
  },
  ...["../x", "a:{b}", "*", "\\u0000", "x".repeat(300), "__proto__", "Banner-CTR", " banner-ctr", ""].map((id) =>
    body(
      38,
      `the experiment ${JSON.stringify(id.slice(0, 12))}`,
      422,
      "validation-failed",
      () => `{"experiment":"${id}","features":{}}`,
    ),
  ),
  ...["..%2Fx", "a:%7Bb%7D", "*", "%00", "x".repeat(300), "__proto__", "%2525", "%E0%A4%A"].map(
    (id): Input => ({
      row: 38,
      what: `the experiment ${id.slice(0, 12)} in the path`,
      status: 422,
      slug: "validation-failed",
      send: (target) => target.postJson(`/predict/${id}`, { features: {} }),
    }),
  ),
  body(38, "an experiment that is a number", 422, "validation-failed", () => '{"experiment":7,"features":{}}'),
  body(38, "an experiment that is null", 422, "validation-failed", () => '{"experiment":null,"features":{}}'),
  {
    row: 38,
    what: "one experiment in the path, another in the body",
    status: 422,
    slug: "validation-failed",
    send: (target, mark) => target.postJson("/predict/banner-ctr", { experiment: mark, features: {} }),
  },
  ...["\\n", "\\r\\n", "\\u0000", "\\u001b[31m", "\\u2028", "\\u0085", "\\u007f"].map((control) =>
    body(
      39,
      `${control} in a unit`,
      422,
      "validation-failed",
      (mark) => `{"unitId":"${mark}${control}","features":{}}`,
    ),
  ),
  body(39, "an empty unit", 422, "validation-failed", () => '{"unitId":"","features":{}}'),
  body(39, "a unit of 257 characters", 422, "validation-failed", () => `{"unitId":"${"x".repeat(257)}","features":{}}`),
  body(39, "a unit that is a list", 422, "validation-failed", (mark) => `{"unitId":["${mark}"],"features":{}}`),
  // A variant may be asked for: that forces it, and needs the permission where there are keys.
  ...["propensity", "weights", "decision_id", "allocation", "reason", "learn"].map((name) =>
    body(40, `the caller's own ${name}`, 422, "validation-failed", (mark) => `{"features":{},"${name}":"${mark}"}`),
  ),
  body(40, "an unknown variant", 422, "validation-failed", (mark) => `{"features":{},"variant":"${mark}"}`),
  body(40, "the variant __proto__", 422, "validation-failed", () => '{"features":{},"variant":"__proto__"}'),
  ...["0", "-1", "1e9", "99999999999999999999"].map((value) => header(41, "x-deadline-ms", () => value, 200)),
  ...["abc", "", "1,5", "10, 20", "NaN", "5ms"].map((value) =>
    header(41, "x-deadline-ms", () => value, 400, "bad-request"),
  ),
  // There are no custom attributes yet; a feature's text is the nearest thing, and is JSON wherever it goes (below).
  body(42, "a text of 2 KB", 422, "validation-failed", (mark) => features(`"x":"${mark.repeat(200)}"`)),
  body(42, "a name of 129 characters", 422, "validation-failed", () => features(`"${"x".repeat(129)}":1`)),
  ...["text/html", "text/*", "image/png, text/html;q=0.9", "application/json;q=0", "application/xml"].map((value) =>
    header(43, "accept", () => value, 406, "not-acceptable"),
  ),
  ...["*/*", "application/*;q=0.1", "text/html, application/json;q=0.5", "APPLICATION/JSON"].map((value) =>
    header(43, "accept", () => value, 200),
  ),
]

describe.each(["hono", "node"] as const)("a prediction request through %s", async (through) => {
  const gateway = await createTestGateway({ through, defaultExperiment: "banner-ctr" })

  it.each(INPUTS.map((input) => [titleOf(input), input] as const))("%s", async (_title, input) => {
    await attack(gateway, input)
    expect((await post(gateway, '{"features":{"a":"1"}}')).status).toBe(200)
  })

  it("18, 19: brings no header of its own back", async () => {
    const smuggled = { traceparent: "00-zqjx", "x-request-id": "zqjx%0d%0aSet-Cookie: a=b", "x-variant": "zqjx" }
    const response = await post(gateway, '{"features":{"a":"1"}}', smuggled)
    expect([...response.headers].flat().join()).not.toMatch(/zqjx/)
    expect(response.headers.has("set-cookie")).toBe(false)
  })

  it("34: takes -0 for 0", async () => {
    await gateway.publish({ logFeatures: ["x"] })
    expect((await post(gateway, features('"x":-0'))).status).toBe(200)
    expect(await lastFeatures()).toEqual({ x: 0 })
    await gateway.publish()
  })

  it.each(["paused", "concluded", "draft"])("37: of an experiment that is %s gets the control", async (status) => {
    await gateway.publish({ id: "resting", status })
    const answer = await readJson(await gateway.postJson("/predict/resting", { features: {}, unitId: "user-42" }))
    expect(answer).toMatchObject({ variant: "champion", reason: "paused", propensity: 1, degraded: false })
  })

  it("39: may have braces in a unit, which is hashed before it is used", async () => {
    const unitId = "{banner-ctr}:zqjx"
    expect((await gateway.postJson("/predict", { features: {}, unitId })).status).toBe(200)
    const [last] = (await gateway.logged()).slice(-1)
    expect(last).not.toMatch(/zqjx/)
  })

  it("42: has its texts logged as JSON, whatever is in them", async () => {
    await gateway.publish({ logFeatures: ["x"] })
    const before = (await gateway.logged()).length
    for (const x of ['\r\n{"v":1}', "\u2028", "😀", "\u001b[31m", '"},"learn":true,"a":{"']) {
      expect((await gateway.postJson("/predict", { experiment: "banner-ctr", features: { x } })).status).toBe(200)
      expect(await lastFeatures()).toEqual({ x })
    }
    const lines = (await gateway.logged()).slice(before)
    expect(lines).toHaveLength(5)
    for (const line of lines) expect(line).not.toMatch(/[\r\n]/)
    await gateway.publish()
  })

  it("leaves nothing behind in the log of operations", () => {
    expect(gateway.logger.messages.filter((message) => message.startsWith("error"))).toEqual([])
    expect(gateway.logger.messages.join()).not.toMatch(/zqjx|wvkp/)
  })

  it("is taken at the limits of what is allowed", async () => {
    const name = "n".repeat(128)
    for (const text of [
      features(keys(256)),
      features(`"${name}":"${"x".repeat(1024)}"`),
      features('"x":9007199254740991,"y":-9007199254740991,"z":true'),
      `{"unitId":"${"u".repeat(256)}","features":{}}`,
      `{"instances":[${Array(256).fill("{}").join()}]}`,
      '{"features":{"a":"\\ud83d\\ude00"}}',
      `{"features":{"a":"${"x".repeat(1000)}"}}`.padEnd(65_536, " "),
    ]) {
      expect((await soon(post(gateway, text))).status).toBe(200)
    }
    expectIntactPrototype()
  })

  async function lastFeatures(): Promise<unknown> {
    const [last = "{}"] = (await gateway.logged()).slice(-1)
    return Object.entries<unknown>(JSON.parse(last)).find(([name]) => name === "features")?.[1]
  }
})
