import { expect, it, onTestFinished } from "vitest"
import { createHttpModel } from "#src/adapters/http-model/model-endpoint.ts"
import { createOutboundHttp } from "#src/adapters/undici/outbound-http.ts"
import { TargetGuard } from "#src/app/target-guard.ts"
import type { HttpBackend } from "#src/domain/backends/backend.ts"
import type { HttpTarget } from "#src/domain/backends/target.ts"
import { FakeClock } from "#test/app/rig.ts"
import { type Respond, startLocalServer } from "#test/local-server.ts"
import { METADATA, type RecordedMetadata } from "../../fixtures/model-servers/exchanges.ts"

const FEATURES = ["a", "b", "c"]

/** A model whose server is at an address, with a clock of its own. */
function modelAt(origin: string, protocol: HttpTarget["protocol"], backend: Partial<HttpBackend>) {
  const clock = new FakeClock()
  const limits = { maxBodyBytes: 4_096, maxConcurrent: 2 }
  const target: HttpTarget = { kind: "http", protocol, baseUrl: origin, headers: { "x-api-key": "k" }, ...limits }
  const outbound = createOutboundHttp({ origin, connections: 2, maxAnswerBytes: 4_096 })
  onTestFinished(() => outbound.close())
  const guard = new TargetGuard({ name: "t", outbound, maxConcurrent: 2 }, clock, () => 0.5)
  const whole: HttpBackend = { kind: "http", target: "t", ...backend }
  return { clock, guard, endpoint: createHttpModel({ backend: whole, target, calls: guard.forModel(), clock }) }
}

async function describedBy(recorded: RecordedMetadata, backend: Partial<HttpBackend>) {
  const { model, protocol, status, body } = recorded
  const { origin, asked } = await startLocalServer((_, response) => {
    response.writeHead(status, { "content-type": "application/json" }).end(body)
  })
  const { endpoint } = modelAt(origin, protocol, model === undefined ? backend : { model, ...backend })
  return { description: await endpoint.describe?.(), last: endpoint.description?.(), asked }
}

function recordedOf(server: string): RecordedMetadata {
  const found = METADATA.find((one) => one.server.startsWith(server))
  if (found === undefined) throw new Error(`nothing was recorded of ${server}`)
  return found
}

const input = (parts: object) => ({
  request: { inputs: [{ name: "x", datatype: "FP64" as const, features: FEATURES, ...parts }] },
})
const rows = (features: string[]) => ({ request: { form: "row" as const, features } })

it.each([
  ["MLServer", input({})],
  ["Seldon", rows(FEATURES)],
  ["TensorFlow Serving", rows(FEATURES)],
])("asks %s what its model takes, and has nothing to say against what fits", async (server, backend) => {
  const recorded = recordedOf(server)
  const { description, last, asked } = await describedBy(recorded, backend)
  expect(asked).toMatchObject([{ method: "GET", path: recorded.path, headers: { "x-api-key": "k" } }])
  expect(description).toMatchObject({ misfits: [], unread: undefined, reached: true })
  expect(description?.signature?.inputs).toHaveLength(1)
  expect(last).toEqual(description)
})

it.each([
  ["MLServer", input({ name: "y" }), "/request/inputs/0/name is y; the server's inputs are x (FP64, [-1, 3])"],
  ["MLServer", input({ name: "y" }), "/request sends y; the server also has x (FP64, [-1, 3])"],
  ["MLServer", input({ datatype: "FP32" }), "/request/inputs/0/datatype is FP32; the server has x (FP64, [-1, 3])"],
  [
    "MLServer",
    input({ features: ["a", "b"] }),
    "/request/inputs/0/features are 2, a column each; the server takes 3: x (FP64, [-1, 3])",
  ],
  [
    "MLServer",
    { ...input({}), response: { output: "p" } },
    "/response/output is p; the server's outputs are score (FP64, [-1, 1])",
  ],
  [
    "MLServer",
    { ...input({}), response: { column: 1 } },
    "/response/column is 1, from 0; the server answers 1 a row: score (FP64, [-1, 1])",
  ],
  ["Seldon", rows(["a", "c", "b"]), "/request/features are a, c, b; the server takes a, b, c"],
  ["Seldon", {}, "/request/form is object, which is sent as jsonData; the server takes tensor (a, b, c)"],
  [
    "TensorFlow Serving",
    rows(["a", "b"]),
    "/request/features are 2, a column each; the server takes 3: x (FP32, [-1, 3])",
  ],
  [
    "TensorFlow Serving",
    { request: { features: ["x", "y"] } },
    "/request/features/1 is y; the server's inputs are x (FP32, [-1, 3])",
  ],
])("says of %s what the document declares and what the server has: %o", async (server, backend, sentence) => {
  const { description } = await describedBy(recordedOf(server), backend)
  expect(description?.misfits.map(({ pointer, detail }) => `${pointer} ${detail}`)).toContain(sentence)
})

it.each([
  ["KServe", "its server's metadata describes no inputs or outputs"],
  ["KServe V1", "its server has no metadata (status 404 for /v1/models/scorer/metadata)"],
  ["MLServer without", "its server has no metadata (status 404 for /v2/models/third)"],
])("says why %s told nothing", async (server, unread) => {
  const { description } = await describedBy(recordedOf(server), input({}))
  expect(description).toEqual({ signature: undefined, misfits: [], unread, reached: true })
})

it.each<[string, Respond]>([
  ["no JSON", (_, response) => void response.end("<html>")],
  ["other JSON", (_, response) => void response.end('{"inputs":"x"}')],
  ["too much", (_, response) => void response.end("x".repeat(5_000))],
  ["a redirect", (_, response) => void response.writeHead(302, { location: "/elsewhere" }).end()],
  ["a cut connection", (_, response) => void response.destroy()],
  ["nothing", () => {}],
])("takes %s for no metadata, in time, and opens no circuit", async (_, respond) => {
  const { origin, asked } = await startLocalServer(respond)
  const { endpoint, guard } = modelAt(origin, "open-inference-v2", { model: "m", ...input({}) })
  const description = await endpoint.describe?.()
  expect(description).toMatchObject({ signature: undefined, misfits: [], unread: expect.stringMatching(/^its server/) })
  expect([asked.length, endpoint.isReady?.(), guard.counts.calls]).toEqual([1, true, 0])
})

it("asks once for all who ask together, and again in the background, once in a while, where the server hasn't said", async () => {
  const { origin, asked } = await startLocalServer((_, response) => void response.writeHead(503).end())
  const { endpoint, clock } = modelAt(origin, "open-inference-v2", { model: "m" })
  await Promise.all([endpoint.describe?.(), endpoint.describe?.()])
  await endpoint.describe?.()
  endpoint.description?.()
  expect(asked).toHaveLength(1)
  clock.advance(2)
  await endpoint.describe?.()
  expect(asked).toHaveLength(2)
  clock.advance(11)
  endpoint.description?.()
  await expect.poll(() => asked.length).toBe(3)
})

it("has no metadata to ask for where the protocol is anything in JSON", () => {
  const { endpoint } = modelAt("http://127.0.0.1:1", "json", { response: { pointer: "/p" } })
  expect([endpoint.describe, endpoint.description]).toEqual([undefined, undefined])
})
