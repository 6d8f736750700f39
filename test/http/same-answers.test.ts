import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { createTestGateway } from "./gateway.ts"

const BODY = '{"experiment":"banner-ctr","unitId":"user-42","features":{"hour":"14102100"}}'
/** What a server adds by itself, or a new one for each answer. */
const OWN_TO_A_SERVER = new Set([
  "date",
  "connection",
  "keep-alive",
  "content-length",
  "transfer-encoding",
  "x-request-id",
  "x-amzn-requestid",
])

interface Asked {
  readonly method: string
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const path = fc.constantFrom(
  "/predict",
  "/predict/",
  "//predict",
  "/Predict",
  "/predict/banner-ctr",
  "/predict/banner-ctr/",
  "/predict/banner%2Dctr",
  "/predict/no-such",
  "/predict/NO",
  "/predict/a.b",
  "/predict/x/y",
  "/reward",
  "/reward.gif",
  "/reward.GIF",
  "/rewar%64",
  "/healthz",
  "/readyz",
  "/",
  "/docs",
  "/problems/not-found",
  "/problems/nothing",
  "/problems/__proto__",
  "/admin/experiments",
  "/admin/experiments/banner-ctr",
  "/admin/experiments/banner-ctr/allocation",
  "/admin/experiments/banner-ctr/explain",
  "/nothing",
  "/v1/models/banner-ctr:predict",
  "/v1/models/banner-ctr%3Apredict",
  "/v1/models/:predict",
  "/v1/models/a:b:predict",
  "/v1/models/banner-ctr",
  "/v1/models/banner-ctr/",
  "/v2/models/banner-ctr/infer",
  "/v2/models/./infer",
  "/v2/models/../infer",
  "/v2/models/..infer/infer",
  "/v2/models/.banner-ctr/ready",
  "/v2/models/Banner.CTR_1/ready",
  "/v2/models/banner-ctr/versions/champion/ready",
  "/v2/models/{name}/ready",
  "/v2/models//ready",
  "/endpoints/banner-ctr/invocations",
  "/endpoints/banner%20ctr/invocations",
  "/seldon/ads/banner-ctr/api/v1.0/predictions",
  "/seldon/banner-ctr/api/v1.0/predictions",
  "/api/v1.0/feedback",
  "/invocation",
  "/stats",
)
const query = fc.constantFrom(
  "",
  "",
  "?",
  "?unitId=user%2042",
  "?unitId=a+b",
  "?unitId=%zz",
  "?d=v1.forged",
  "?d=${TOKEN}&v=1",
  "?d=v1.a%2eb&m=click",
  "?x=#y",
  "#x",
  "?a=/../b",
)
const headers = fc.record(
  {
    "content-type": fc.constantFrom(
      "application/json",
      "application/JSON; charset=utf-8",
      "text/plain",
      "application/x-ndjson",
      "application/x-www-form-urlencoded",
    ),
    "x-unit-id": fc.constantFrom("user-42", "user 42"),
    "inference-header-content-length": fc.constantFrom("5", "x"),
    "x-amzn-sagemaker-custom-attributes": fc.constantFrom("unitId=user-42", "unitId=%zz"),
    accept: fc.constantFrom("*/*", "text/html", "application/json;q=0", "application/*"),
    "x-deadline-ms": fc.constantFrom("50", "1e2", "no", ""),
    "x-request-id": fc.constantFrom("mine-1", "not mine"),
    origin: fc.constantFrom("https://shop.example", "https://other.example"),
    "access-control-request-method": fc.constantFrom("POST", "DELETE"),
    "if-none-match": fc.constantFrom("*", '"x"'),
    "accept-encoding": fc.constantFrom("br", "gzip;q=0.5, identity"),
    "sec-purpose": fc.constantFrom("prefetch", "x"),
    "content-encoding": fc.constantFrom("identity", "gzip"),
  },
  { requiredKeys: [] },
)
const asked: fc.Arbitrary<Asked> = fc.record({
  method: fc.constantFrom("POST", "POST", "GET", "GET", "HEAD", "PUT", "OPTIONS"),
  target: fc.tuple(path, query).map((parts) => parts.join("")),
  headers,
  body: fc.constantFrom(
    BODY,
    '{"features":{}}',
    "",
    "{",
    '{"decision":"v1.forged"}',
    '{"instances":[{"hour":"14102100"}],"unitId":"user-42"}',
    '{"inputs":[{"name":"a","datatype":"BYTES","shape":[1],"data":["x"]}],"parameters":{"unitId":"user-42"}}',
    '{"data":{"names":["a"],"ndarray":[["x"]]},"meta":{"tags":{"unitId":"user-42"}}}',
    '{"endpoint_name":"banner-ctr","user_id":"user-42","data":"{}"}',
    `{"features":{"a":"${"x".repeat(70_000)}"}}`,
  ),
})

describe("the two ways into the application", () => {
  it("answer alike, however a request spells its path", { timeout: 60_000 }, async () => {
    const options = { defaultExperiment: "banner-ctr", rewardOrigins: ["https://shop.example"] } as const
    const [hono, node] = await Promise.all([
      createTestGateway({ ...options, through: "hono" }),
      createTestGateway({ ...options, through: "node" }),
    ])
    await fc.assert(
      fc.asyncProperty(asked, async ({ method, target, headers: sent, body }) => {
        const takesBody = method === "POST" || method === "PUT"
        const init = { method, headers: sent, ...(takesBody ? { body } : {}) }
        const answers = [await hono.request(target, init), await node.request(target, init)]
        const [one, other] = await Promise.all(answers.map(comparable))
        expect(other).toEqual(one)
      }),
      { numRuns: 800 },
    )
  })
})

async function comparable(answer: Response) {
  const body = await answer.text()
  const fields = [...answer.headers].filter(([name]) => !OWN_TO_A_SERVER.has(name))
  return { status: answer.status, headers: Object.fromEntries(fields), body }
}
