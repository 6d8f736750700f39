import { describe, expect, it, onTestFinished } from "vitest"
import { createHttpModel } from "#src/adapters/http-model/model-endpoint.ts"
import { createOutboundHttp } from "#src/adapters/undici/outbound-http.ts"
import { TargetGuard } from "#src/app/target-guard.ts"
import type { HttpBackend } from "#src/domain/backends/backend.ts"
import { targetNameProblem } from "#src/domain/backends/fit.ts"
import type { HttpTarget } from "#src/domain/backends/target.ts"
import type { ModelAnswer, OpaqueRequest } from "#src/ports/model-endpoint.ts"
import { startLocalServer } from "#test/local-server.ts"
import { modelCall } from "#test/model-call.ts"
import { realClock } from "#test/real-clock.ts"
import { exchangesOf } from "../../fixtures/model-servers/exchanges.ts"

type Protocol = HttpTarget["protocol"]

interface Setup {
  readonly protocol: Protocol
  readonly backend?: Partial<HttpBackend>
  readonly path?: string
  readonly answer?: {
    readonly status?: number
    readonly headers?: Record<string, string>
    readonly body: Uint8Array | string
  }
  readonly maxBodyBytes?: number
}

/** A model at a server that gives one answer. */
async function modelAt({ protocol, backend = {}, path = "", answer = { body: "{}" }, maxBodyBytes = 65_536 }: Setup) {
  const { origin, asked } = await startLocalServer((_, response) => {
    response.writeHead(answer.status ?? 200, answer.headers ?? { "content-type": "application/json" }).end(answer.body)
  })
  const target: HttpTarget = {
    kind: "http",
    protocol,
    baseUrl: `${origin}${path}`,
    headers: { "x-api-key": "k" },
    maxBodyBytes,
    maxConcurrent: 8,
  }
  const whole: HttpBackend = { kind: "http", target: "t", ...backend }
  expect(targetNameProblem(whole, new Map([["t", target]]))).toBeUndefined()
  const outbound = createOutboundHttp({ origin, connections: 8, maxAnswerBytes: maxBodyBytes })
  onTestFinished(() => outbound.close())
  const guard = new TargetGuard({ name: "t", outbound, maxConcurrent: 8 }, realClock, () => 0.5)
  const endpoint = createHttpModel({ backend: whole, target, calls: guard.forModel(), clock: realClock })
  const predict = async (parts: Parameters<typeof modelCall>[0]): Promise<ModelAnswer> =>
    await endpoint.predict(modelCall(parts))
  return { endpoint, asked, predict }
}

const INSTANCES = [
  { a: 0.1, b: 0.2, c: 0.3, other: "x" },
  { a: -1, b: "-1", c: 0, other: "y" },
]
const ABC = ["a", "b", "c"]

describe("given what real servers were asked and answered", () => {
  it.each(exchangesOf("features"))("asks and reads as $server does with $name", async (exchange) => {
    const { protocol, backend, response } = exchange
    const { asked, predict, endpoint } = await modelAt({ protocol, backend, answer: response })
    expect(await predict({ instances: exchange.instances })).toEqual({
      kind: "scores",
      scores: exchange.scores,
      status: 200,
    })
    expect(asked[0]?.path).toBe(exchange.request.path)
    expect(asked[0]?.headers["content-type"]).toBe("application/json")
    expect(JSON.parse(String(asked[0]?.body))).toEqual(JSON.parse(exchange.request.body))
    expect(endpoint.preview?.()?.path).toBe(exchange.request.path)
  })

  it.each(exchangesOf("passed"))("passes on byte for byte to $server $name, and back", async (exchange) => {
    const { protocol, backend, response, request } = exchange
    const { asked, predict } = await modelAt({ protocol, backend, answer: response })
    const bytes = Buffer.from(request.body, "latin1")
    const payload = { bytes, contentType: request.contentType, headers: request.headers, protocol } as OpaqueRequest
    const answer = await predict({ payload })
    expect(answer).toMatchObject({ kind: "body", body: { headers: exchange.answered.headers } })
    if (answer.kind !== "body") throw new Error("no body")
    expect(Buffer.from(answer.body.bytes)).toEqual(Buffer.from(response.body))
    expect(answer.body.contentType).toBe(exchange.answered.contentType)
    expect(asked[0]?.body).toEqual(bytes)
    expect(asked[0]?.headers).toMatchObject(exchange.sent)
  })

  it.each(exchangesOf("errors"))("answers nothing for $name of $server", async (exchange) => {
    const { protocol, backend, response } = exchange
    const { predict } = await modelAt({ protocol, backend, answer: response })
    await expect(predict({ instances: exchange.instances })).rejects.toMatchObject({ code: exchange.code })
  })
})

it("sends the deadline, the trace and the target's own headers, and nothing of the caller's", async () => {
  const { asked, predict } = await modelAt({
    protocol: "seldon-v1",
    answer: { body: '{"jsonData":0.5}' },
    path: "/seldon/ns/ctr",
  })
  const payload: OpaqueRequest = {
    bytes: Buffer.from("{}"),
    contentType: "text/plain",
    headers: { cookie: "a=b", authorization: "Bearer secret", "x-api-key": "mine", host: "evil" },
    protocol: "seldon-v1",
  }
  await predict({ payload, timeoutMs: 80.7, traceHeaders: () => ({ traceparent: "00-1-2-01" }) })
  expect(asked[0]).toMatchObject({
    path: "/seldon/ns/ctr/api/v1.0/predictions",
    headers: { "x-deadline-ms": "75", traceparent: "00-1-2-01", "x-api-key": "k", "content-type": "application/json" },
  })
  expect(asked[0]?.headers).not.toHaveProperty("cookie")
  expect(asked[0]?.headers).not.toHaveProperty("authorization")
})

describe("given any server that speaks JSON", () => {
  it("asks it as plain predictors are asked, once for each instance", async () => {
    const { asked, predict } = await modelAt({
      protocol: "json",
      path: "/predict",
      backend: { response: { pointer: "/prediction" } },
      answer: { body: '{"prediction":0.25,"model":"m"}' },
    })
    expect(await predict({ instances: INSTANCES })).toEqual({ kind: "scores", scores: [0.25, 0.25], status: 200 })
    expect(asked.map(({ path }) => path)).toEqual(["/predict", "/predict"])
    expect(new Set(asked.map(({ body }) => String(body)))).toEqual(new Set(INSTANCES.map((one) => JSON.stringify(one))))
  })

  it("fills a template with rows of features and finds the predictions where they are said to be", async () => {
    const { asked, predict } = await modelAt({
      protocol: "json",
      backend: {
        request: { form: "row", features: ABC, body: { options: { top: 1 }, data: { rows: "$instances" } } },
        response: { pointer: "/result/0/rows", item: "/p~1q", column: 1 },
      },
      answer: { body: '{"result":[{"rows":[{"p/q":[0.1,0.9]},{"p/q":[0.2,0.8]}]}]}' },
    })
    expect(await predict({ instances: INSTANCES })).toEqual({ kind: "scores", scores: [0.9, 0.8], status: 200 })
    expect(JSON.parse(String(asked[0]?.body))).toEqual({
      options: { top: 1 },
      data: {
        rows: [
          [0.1, 0.2, 0.3],
          [-1, "-1", 0],
        ],
      },
    })
  })

  it("sends CSV and reads it", async () => {
    const { asked, predict } = await modelAt({
      protocol: "json",
      backend: { request: { form: "csv", features: ["other", "a"] } },
      answer: { body: "0.5\n0.75\n", headers: { "content-type": "text/csv" } },
    })
    const quoted = [{ other: 'say "a, b"', a: 1 }, INSTANCES[1] as (typeof INSTANCES)[0]]
    expect(await predict({ instances: quoted })).toEqual({ kind: "scores", scores: [0.5, 0.75], status: 200 })
    expect(String(asked[0]?.body)).toBe('"say ""a, b""",1\ny,-1')
    expect(asked[0]?.headers["content-type"]).toBe("text/csv")
  })
})

it("names the feature that is missing or can't be what its tensor holds", async () => {
  const inputs = [{ name: "x", datatype: "INT32", features: ["a", "b"] }] as const
  const { predict, asked } = await modelAt({
    protocol: "open-inference-v2",
    backend: { model: "m", request: { inputs: [{ ...inputs[0], features: ["a", "b"] }] } },
  })
  await expect(predict({ instances: [{ a: 1 }] })).rejects.toMatchObject({
    code: "features_invalid",
    errors: [{ pointer: "/features/b", detail: expect.stringContaining("is missing") }],
  })
  await expect(
    predict({
      instances: [
        { a: 1, b: "2" },
        { a: 1, b: 0.5 },
      ],
    }),
  ).rejects.toMatchObject({
    errors: [{ pointer: "/instances/1/b", detail: expect.stringContaining("a whole number that INT32 holds") }],
  })
  expect(asked).toEqual([])
})

it.each([
  ["no JSON", "<html>"],
  ["NaN, which is no JSON", '{"predictions":[NaN,1]}'],
  ["another number of predictions", '{"predictions":[0.1]}'],
  ["texts", '{"predictions":["0.1","0.2"]}'],
  ["several numbers of which none is named", '{"predictions":[[0.1,0.9],[0.2,0.8]]}'],
  ["no predictions", '{"error":"no"}'],
  ["no text", new Uint8Array([0x22, 0xff, 0x22])],
])("doesn't take %s for predictions", async (_, body) => {
  const { predict } = await modelAt({ protocol: "tensorflow-v1", backend: { model: "m" }, answer: { body } })
  await expect(predict({ instances: INSTANCES })).rejects.toMatchObject({ code: "wrong_shape" })
})

it("sends no body that is larger than its target's, and takes none", async () => {
  const { predict, asked } = await modelAt({
    protocol: "seldon-v1",
    maxBodyBytes: 1024,
    answer: { body: JSON.stringify({ jsonData: "x".repeat(1024) }) },
  })
  await expect(predict({ instances: [{ a: "x".repeat(1024) }] })).rejects.toMatchObject({ code: "not_taken" })
  expect(asked).toEqual([])
  await expect(predict({ instances: [{ a: 1 }] })).rejects.toMatchObject({ code: "backend_failed" })
})

it("shows how it asks", async () => {
  const { endpoint } = await modelAt({
    protocol: "open-inference-v2",
    backend: { model: "m", request: { inputs: [{ name: "x", datatype: "FP32", features: ["a", "b"] }] } },
  })
  expect(endpoint.preview?.()).toEqual({
    target: "t",
    protocol: "open-inference-v2",
    method: "POST",
    path: "/v2/models/m/infer",
    headers: { "content-type": "application/json" },
    body: '{"id":"<decision id>","inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":["<a>","<b>"]}]}',
  })
  const silent = await modelAt({ protocol: "open-inference-v2", backend: { model: "m" } })
  expect([silent.endpoint.preview?.(), silent.endpoint.takes]).toEqual([
    undefined,
    { features: false, bodies: ["open-inference-v2"] },
  ])
})
