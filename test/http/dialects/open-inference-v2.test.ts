import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { fp64Bytes } from "#src/http/dialects/tensors.ts"
import { createTestGateway, readJson } from "../gateway.ts"
import { mismatch } from "../published-schema.ts"
import { lastPayload, OPAQUE, post, speak } from "./asked.ts"

const MODEL = "/v2/models/banner-ctr"
const JSON_LENGTH = "inference-header-content-length"

const texts = (name: string, ...data: string[]) => ({ name, datatype: "BYTES", shape: [data.length], data })
const REQUEST = {
  id: "r-1",
  model_name: "any",
  inputs: [texts("hour", "14102100", "14102101"), texts("site", "a", "b")],
}

/** A BYTES tensor's elements. */
function textBytes(...elements: string[]): number[] {
  return elements.flatMap((element) => {
    const bytes = new TextEncoder().encode(element)
    return [bytes.length, 0, 0, 0, ...bytes]
  })
}

function withBytes(json: unknown, bytes: Iterable<number>) {
  const head = new TextEncoder().encode(JSON.stringify(json))
  return { body: Uint8Array.of(...head, ...bytes), headers: { [JSON_LENGTH]: String(head.length) } }
}

describe("Open Inference V2", () => {
  it.each(["hono", "node"] as const)(
    "answers a row of each tensor with an FP64 element, through %s",
    async (through) => {
      const gateway = await createTestGateway({ through })
      const answer = await post(gateway, `${MODEL}/infer`, REQUEST)
      const body = await readJson(answer)
      expect([answer.status, body]).toEqual([
        200,
        {
          model_name: "banner-ctr",
          model_version: answer.headers.get("x-variant"),
          id: "r-1",
          parameters: { decision: answer.headers.get("x-decision") },
          outputs: [
            { name: "prediction", datatype: "FP64", shape: [2], data: [expect.any(Number), expect.any(Number)] },
          ],
        },
      ])
      expect(mismatch("InferAnswer", body)).toBeUndefined()
      expect((await gateway.request(`/reward?d=${answer.headers.get("x-decision")}`)).status).toBe(200)
    },
  )

  it("makes a feature object of each row", async () => {
    const gateway = await createTestGateway()
    const inputs = [
      texts("text", "a", "é"),
      { name: "column", datatype: "INT64", shape: [2, 1], data: [[1], [-2]] },
      { name: "flag", datatype: "BOOL", shape: [2], data: [true, false] },
      { name: "real", datatype: "FP32", shape: [2, 1], data: [0.5, 1e3] },
    ]
    await post(gateway, `${MODEL}/infer`, { inputs })
    expect(gateway.models.find(({ lastCall }) => lastCall !== undefined)?.lastCall?.instances).toEqual([
      { text: "a", column: 1, flag: true, real: 0.5 },
      { text: "é", column: -2, flag: false, real: 1000 },
    ])
  })

  it("reads every binary datatype", async () => {
    const gateway = await createTestGateway()
    const views: [string, number, (view: DataView) => void, unknown][] = [
      ["BOOL", 1, (view) => view.setUint8(0, 1), true],
      ["UINT8", 1, (view) => view.setUint8(0, 200), 200],
      ["UINT16", 2, (view) => view.setUint16(0, 60_000, true), 60_000],
      ["UINT32", 4, (view) => view.setUint32(0, 4e9, true), 4e9],
      ["UINT64", 8, (view) => view.setBigUint64(0, 2n ** 53n - 1n, true), 2 ** 53 - 1],
      ["INT8", 1, (view) => view.setInt8(0, -100), -100],
      ["INT16", 2, (view) => view.setInt16(0, -30_000, true), -30_000],
      ["INT32", 4, (view) => view.setInt32(0, -2e9, true), -2e9],
      ["INT64", 8, (view) => view.setBigInt64(0, -(2n ** 53n - 1n), true), -(2 ** 53 - 1)],
      ["FP16", 2, (view) => view.setFloat16(0, 0.5, true), 0.5],
      ["FP32", 4, (view) => view.setFloat32(0, 0.25, true), 0.25],
      ["FP64", 8, (view) => view.setFloat64(0, 0.1, true), 0.1],
    ]
    const tensors = views.map(([datatype, size, write]) => {
      const bytes = new Uint8Array(size)
      write(new DataView(bytes.buffer))
      return { json: { name: datatype, datatype, shape: [1], parameters: { binary_data_size: size } }, bytes }
    })
    const text = textBytes("é")
    const inputs = [
      ...tensors.map(({ json }) => json),
      { name: "BYTES", datatype: "BYTES", shape: [1], parameters: { binary_data_size: text.length } },
    ]
    const { body, headers } = withBytes({ inputs }, [...tensors.flatMap(({ bytes }) => [...bytes]), ...text])
    expect((await post(gateway, `${MODEL}/infer`, body, headers)).status).toBe(200)
    const called = gateway.models.find(({ lastCall }) => lastCall !== undefined)?.lastCall
    const expected = views.map(([datatype, , , value]) => [datatype, value])
    expect(called?.instances).toEqual([{ ...Object.fromEntries(expected), BYTES: "é" }])
  })

  it.each([
    ["all outputs", { parameters: { binary_data_output: true } }, true],
    ["the one output", { outputs: [{ name: "prediction", parameters: { binary_data: true } }] }, true],
    [
      "not this one",
      {
        parameters: { binary_data_output: true },
        outputs: [{ name: "prediction", parameters: { binary_data: false } }],
      },
      false,
    ],
  ])("answers with bytes where %s should be", async (_, asked, binary) => {
    const answer = await post(await createTestGateway(), `${MODEL}/infer`, { ...REQUEST, ...asked })
    const length = answer.headers.get(JSON_LENGTH)
    expect(length !== null).toBe(binary)
    if (length === null) return
    const bytes = new Uint8Array(await answer.arrayBuffer())
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(0, Number(length))))
    expect(mismatch("InferAnswer", json)).toBeUndefined()
    expect(json).toMatchObject({ outputs: [{ shape: [2], parameters: { binary_data_size: 16 } }] })
    const score = answer.headers.get("x-variant") === "champion" ? 0.1 : 0.2
    expect(bytes.subarray(Number(length))).toEqual(fp64Bytes([score, score]))
  })

  it("reads back every number that it writes as bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true })), (numbers) => {
        const { buffer } = fp64Bytes(numbers)
        expect([...new Float64Array(buffer)]).toEqual(numbers)
      }),
    )
  })

  it("takes a version for a variant, which forces it", async () => {
    const gateway = await createTestGateway()
    const answer = await post(gateway, `${MODEL}/versions/challenger/infer`, REQUEST)
    expect(await readJson(answer)).toMatchObject({ model_version: "challenger" })
    expect((await gateway.logged()).at(-1)).toContain('"reason":"forced"')
    const unknown = await post(gateway, `${MODEL}/versions/v9/infer`, REQUEST)
    expect([unknown.status, await readJson(unknown)]).toEqual([400, { error: expect.stringMatching(/champion/) }])
  })

  it("keeps a unit's variant", async () => {
    const gateway = await createTestGateway()
    for (const unitId of ["user-1", "user-2", "user-3"]) {
      const native = await gateway.postJson("/predict/banner-ctr", { unitId, features: {} })
      const asked = await post(gateway, `${MODEL}/infer`, { ...REQUEST, parameters: { unitId } })
      expect(asked.headers.get("x-variant")).toBe(native.headers.get("x-variant"))
    }
  })

  it("tells what the server and its models are", async () => {
    const gateway = await createTestGateway()
    for (const model of gateway.models) model.knownFeatures = new Set(["hour", model.model])
    const asked = async (path: string) => await readJson(await gateway.request(path))
    expect(await asked("/v2")).toMatchObject({ name: "bandit-gateway", extensions: ["binary_tensor_data"] })
    expect(await asked("/v2/health/live")).toEqual({ live: true })
    expect(await asked("/v2/health/ready")).toEqual({ ready: true, live: true })
    expect(await asked("/v2/models")).toEqual({ models: ["banner-ctr"] })
    expect(await asked(`${MODEL}/ready`)).toEqual({ name: "banner-ctr", ready: true })
    expect(await asked(`${MODEL}/versions/champion/ready`)).toEqual({ name: "banner-ctr", ready: true })
    const metadata = await asked(MODEL)
    expect(mismatch("ModelMetadata", metadata)).toBeUndefined()
    expect(metadata).toMatchObject({
      versions: ["champion", "challenger"],
      inputs: ["hour", "a", "b"].map((name) => ({ name, datatype: "BYTES", shape: [-1] })),
    })
    expect(await asked(`${MODEL}/versions/champion`)).toEqual(metadata)
    for (const path of [`${MODEL}/versions/v9`, `${MODEL}/versions/v9/ready`]) {
      expect((await gateway.request(path)).status).toBe(400)
    }
    expect((await gateway.request("/v2/models/none/ready")).status).toBe(404)
    gateway.setParts(() => ({ server: { ready: false, required: true } }))
    expect((await gateway.request("/v2/health/ready")).status).toBe(503)
  })

  it("tells a server's own inputs and outputs where it is asked with the caller's tensors", async () => {
    const gateway = await createTestGateway()
    speak(gateway.models, "open-inference-v2")
    const signature = {
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, 3] }],
      outputs: [{ name: "score", datatype: "FP32", shape: [-1] }],
    }
    for (const model of gateway.models)
      Object.assign(model, { description: () => ({ signature, misfits: [], unread: undefined, reached: true }) })
    expect(await readJson(await gateway.request(MODEL))).toMatchObject(signature)
  })

  const one = texts("a", "zqjx")
  const bytes = (json: object, size: number, ...rest: number[]) =>
    withBytes({ inputs: [{ name: "a", shape: [1], ...json, parameters: { binary_data_size: size } }] }, rest)
  it.each([
    ["no inputs", { inputs: [] }, /\/inputs /],
    ["inputs that are none", { inputs: "zqjx" }, /\/inputs must be a list/],
    ["no shape", { inputs: [{ name: "a", datatype: "BYTES", data: ["zqjx"] }] }, /\/inputs\/0\/shape is required/],
    ["a datatype that is none", { inputs: [{ ...one, datatype: "zqjx" }] }, /\/inputs\/0\/datatype must be BOOL or/],
    ["a matrix", { inputs: [{ ...one, shape: [1, 2], data: ["a", "b"] }] }, /\/shape must be \[n\] or \[n, 1\]/],
    ["no rows", { inputs: [{ ...one, shape: [0], data: [] }] }, /\/shape must be/],
    ["257 rows", { inputs: [texts("a", ...Array<string>(257).fill("x"))] }, /n from 1 to 256/],
    ["tensors of several lengths", { inputs: [one, texts("b", "x", "y")] }, /\/inputs\/1\/shape must be/],
    ["a tensor twice", { inputs: [one, one] }, /\/inputs\/1\/name is given twice/],
    ["too little data", { inputs: [{ ...one, data: [] }] }, /\/data must be 1 elements of BYTES/],
    ["data of another kind", { inputs: [{ ...one, datatype: "INT8" }] }, /\/data must be 1 elements of INT8/],
    ["a fraction among integers", { inputs: [{ ...one, datatype: "INT8", data: [0.5] }] }, /elements of INT8/],
    ["a feature of every object", { inputs: [texts("__proto__", "zqjx")] }, /can't be named like a member/],
    ["another output", { inputs: [one], outputs: [{ name: "zqjx" }] }, /\/outputs\/0\/name must be prediction/],
    ["no JSON", "zqjx", /not valid JSON/],
  ])("refuses %s in one text", async (_, body, text) => {
    const answer = await post(await createTestGateway(), `${MODEL}/infer`, body)
    const told = await readJson(answer)
    expect([answer.status, told]).toEqual([400, { error: expect.stringMatching(text) }])
    expect(JSON.stringify(told)).not.toMatch(/zqjx/)
  })

  it.each([
    ["more bytes than the inputs say", bytes({ datatype: "INT8" }, 1, 1, 2), /as many bytes behind the JSON/],
    ["fewer", bytes({ datatype: "INT8" }, 1), /elements of INT8/],
    ["half an element", bytes({ datatype: "INT16" }, 1, 1), /elements of INT16/],
    ["an integer that no number holds", bytes({ datatype: "INT64" }, 8, 1, 0, 0, 0, 0, 0, 0, 127), /2\^53/],
    ["no number", bytes({ datatype: "FP64" }, 8, 0, 0, 0, 0, 0, 0, 248, 127), /finite/],
    ["a text that is longer than its bytes", bytes({ datatype: "BYTES" }, 5, 9, 0, 0, 0, 65), /elements of BYTES/],
    ["half a length", bytes({ datatype: "BYTES" }, 2, 1, 0), /elements of BYTES/],
    ["a text that is not UTF-8", bytes({ datatype: "BYTES" }, 5, 1, 0, 0, 0, 255), /elements of BYTES/],
    ["a JSON longer than the body", { body: Uint8Array.of(123), headers: { [JSON_LENGTH]: "9" } }, /Inference-Header/],
    ["a length that is none", { body: Uint8Array.of(123), headers: { [JSON_LENGTH]: "1e1" } }, /Inference-Header/],
  ])("refuses %s", async (_, { body, headers }, text) => {
    const answer = await post(await createTestGateway(), `${MODEL}/infer`, body, headers)
    expect([answer.status, await readJson(answer)]).toEqual([400, { error: expect.stringMatching(text) }])
  })

  it("answers whatever bytes come with a prediction or a refusal", async () => {
    const gateway = await createTestGateway()
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.nat(220), async (junk, length) => {
        const answer = await post(gateway, `${MODEL}/infer`, junk, { [JSON_LENGTH]: String(length) })
        expect(answer.status).toBe(400)
      }),
      { numRuns: 100 },
    )
  })

  it("passes to models that speak it as it came, binary tensors too", async () => {
    const gateway = await createTestGateway()
    const body = { bytes: OPAQUE, contentType: "application/octet-stream", headers: { [JSON_LENGTH]: "10" } }
    speak(gateway.models, "open-inference-v2", { kind: "body", body })
    const sent = withBytes({ parameters: { unitId: "user-1" }, anything: [] }, OPAQUE)
    const answer = await post(gateway, `${MODEL}/infer`, sent.body, sent.headers)
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(OPAQUE)
    expect(answer.headers.get(JSON_LENGTH)).toBe("10")
    expect(answer.headers.get("x-decision")).toMatch(/^v1\./)
    expect(lastPayload(gateway.models)).toEqual({
      protocol: "open-inference-v2",
      bytes: sent.body,
      contentType: undefined,
      headers: sent.headers,
    })
    const explained = await readJson(await gateway.request("/admin/experiments/banner-ctr/explain?unitId=user-1"))
    expect(answer.headers.get("x-variant")).toBe(explained["variant"])
  })
})
