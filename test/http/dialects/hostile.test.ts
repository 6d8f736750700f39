import { gzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { DIALECT_PROBLEMS } from "#src/http/contract/dialects/dialect.ts"
import { createTestGateway } from "../gateway.ts"
import { expectIntactPrototype, MARKS, soon } from "../hostile.ts"
import { mismatch } from "../published-schema.ts"
import { post } from "./asked.ts"

/** A path of each dialect, and a good body with one feature. */
const ROUTES = [
  ["sagemaker", "/endpoints/banner-ctr/invocations", (feature: string) => `{${feature}}`],
  ["tensorflow-v1", "/v1/models/banner-ctr:predict", (feature: string) => `{"instances":[{${feature}}]}`],
  [
    "open-inference-v2",
    "/v2/models/banner-ctr/infer",
    (feature: string) => {
      const [name, value] = feature.split(/:(.*)/s)
      return `{"inputs":[{"name":${name},"datatype":"BYTES","shape":[1],"data":[${value}]}]}`
    },
  ],
  ["seldon-v1", "/api/v1.0/predictions", (feature: string) => `{"jsonData":{${feature}}}`],
  [
    "aws-sample",
    "/invocation",
    (feature: string) => `{"endpoint_name":"banner-ctr","data":${JSON.stringify(`{${feature}}`)}}`,
  ],
] as const

const bytes = (...parts: readonly (string | number)[]) =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === "number" ? [part] : [...Buffer.from(part)])))
const BOMB = gzipSync(Buffer.alloc(10 * 1024 * 1024), { level: 1 })

/** What no honest client sends, as bytes, and what it is answered with. */
const BODIES: readonly (readonly [string, (mark: string) => string | Uint8Array, readonly number[]])[] = [
  ["empty", () => "", [400]],
  ["cut off", (mark) => `{"${mark}":`, [400]],
  ["null", () => "null", [400, 422]],
  ["text", (mark) => `"${mark}"`, [400, 422]],
  ["bytes that are not UTF-8", (mark) => bytes(`{"a":"${mark}`, 0xff, 0xfe, '"}'), [400]],
  ["a byte order mark", (mark) => bytes(0xef, 0xbb, 0xbf, `{"a":"${mark}"}`), [400]],
  ["33 levels", (mark) => `${"[".repeat(33)}"${mark}"${"]".repeat(33)}`, [400]],
  ["30,000 levels", () => `${"[".repeat(30_000)}${"]".repeat(30_000)}`, [400]],
  ["a key twice", (mark) => `{"a":"${mark}","a":1}`, [400]],
  ["70 KB", (mark) => `{"a":"${mark.repeat(6000)}"}`, [413]],
]

/** Features that are none, in a body that is otherwise good. */
const FEATURES: readonly (readonly [string, (mark: string) => string])[] = [
  ["a name of every object", (mark) => `"__proto__":"${mark}"`],
  ["a constructor", (mark) => `"constructor":"${mark}"`],
  ["an empty name", (mark) => `"":"${mark}"`],
  ["half a surrogate pair", (mark) => `"a":"\\ud800${mark}"`],
  ["a text of 2 KB", (mark) => `"a":"${mark.repeat(200)}"`],
  ["a list in a list", (mark) => `"a":[["${mark}"]]`],
  ["nothing", () => '"a":null'],
]

describe.each(["hono", "node"] as const)("through %s", (through) => {
  it.each(ROUTES)(
    "%s refuses what no honest client sends, in its own form and without a word of it",
    async (...route) => {
      const [dialect, path, withFeature] = route
      const gateway = await createTestGateway({ through, defaultExperiment: "banner-ctr" })
      const refuse = async (
        what: string,
        statuses: readonly number[],
        body: (mark: string) => string | Uint8Array,
        headers: Readonly<Record<string, string>> = {},
      ): Promise<void> => {
        const texts: string[] = []
        for (const mark of MARKS) {
          const answer = await soon(post(gateway, path, body(mark), headers))
          expect([what, statuses.includes(answer.status) || answer.status]).toEqual([what, true])
          expect([what, answer.headers.get("content-type")]).toEqual([what, "application/json"])
          const text = await answer.text()
          expect([what, mismatch(DIALECT_PROBLEMS[dialect].schema, JSON.parse(text))]).toEqual([what, undefined])
          texts.push(text)
        }
        expect([what, texts[0]]).toEqual([what, texts[1]])
        expectIntactPrototype()
      }
      for (const [what, body, statuses] of BODIES) await refuse(what, statuses, body)
      for (const [what, feature] of FEATURES) await refuse(what, [400, 422], (mark) => withFeature(feature(mark)))
      await refuse("a bomb", [415], () => BOMB, { "content-encoding": "gzip" })
      await refuse("a page's script", [403], () => withFeature('"a":"x"'), { origin: "https://evil.example" })
      await refuse("a deadline that is no number", [400], () => withFeature('"a":"x"'), { "x-deadline-ms": "soon" })
      await refuse("a unit with a blank", [400], () => withFeature('"a":"x"'), { "x-unit-id": "a b" })
      await refuse("a unit of 257 characters", [400], () => withFeature('"a":"x"'), { "x-unit-id": "u".repeat(257) })
      expect((await post(gateway, path, withFeature('"a":"x"'))).status).toBe(200)
      expect(gateway.logger.messages.filter((message) => message.startsWith("error"))).toEqual([])
      expect(gateway.logger.messages.join()).not.toMatch(/zqjx|wvkp/)
    },
  )

  it.each([
    "/endpoints/..%2Fx/invocations",
    "/endpoints/%00/invocations",
    "/v1/models/__proto__:predict",
    "/v1/models/%E0%A4%A:predict",
    `/v2/models/${"x".repeat(300)}/infer`,
    "/v2/models/constructor/infer",
    "/seldon/ads/toString/api/v1.0/predictions",
  ])("no experiment is found at %s", async (path) => {
    const gateway = await createTestGateway({ through })
    const answer = await soon(post(gateway, path, "{}"))
    expect([400, 404]).toContain(answer.status)
    expect(await answer.text()).toMatch(/No experiment has this name/)
  })
})
