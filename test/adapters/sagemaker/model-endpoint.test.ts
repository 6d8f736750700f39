import { describe, expect, it, onTestFinished } from "vitest"
import { CredentialSource } from "#src/adapters/sagemaker/credential-source.ts"
import { createSageMakerModel } from "#src/adapters/sagemaker/model-endpoint.ts"
import { sdkTransport } from "#src/adapters/sagemaker/sdk.ts"
import { type Credentials, RequestSigner } from "#src/adapters/sagemaker/signature.ts"
import { signedTransport } from "#src/adapters/sagemaker/transport.ts"
import { createOutboundHttp } from "#src/adapters/undici/outbound-http.ts"
import { TargetGuard } from "#src/app/target-guard.ts"
import type { SageMakerBackend } from "#src/domain/backends/backend.ts"
import { targetNameProblem } from "#src/domain/backends/fit.ts"
import type { LocatedSageMaker } from "#src/domain/backends/target.ts"
import type { OpaqueRequest } from "#src/ports/model-endpoint.ts"
import { type Asked, type Respond, startLocalServer } from "#test/local-server.ts"
import { modelCall } from "#test/model-call.ts"
import { realClock } from "#test/real-clock.ts"

const CREDENTIALS: Credentials = { accessKeyId: "AKID", secretAccessKey: "secret", sessionToken: "token" }
const REGION = "eu-west-1"
const ANSWER: Respond = (_, response) => {
  const headers = {
    "content-type": "application/json",
    "x-amzn-invoked-production-variant": "blue",
    "x-amzn-sagemaker-custom-attributes": "t=1",
  }
  response.writeHead(200, headers).end('{"predictions":[0.25,0.75]}')
}
const INSTANCES = [
  { a: 1, b: "x" },
  { a: 2, b: "y" },
]

/** Whether the signature is that of the request as it came. */
function isSigned({ method, path, headers, body }: Asked): boolean {
  const authorization = String(headers["authorization"])
  const names = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(";") ?? []
  const time = String(headers["x-amz-date"])
  const at = Date.parse(time.replace(/(....)(..)(..T..)(..)(..Z)/, "$1-$2-$3:$4:$5"))
  const signed = Object.fromEntries(
    names
      .filter((name) => name !== "host" && name !== "x-amz-date" && name !== "x-amz-security-token")
      .map((name) => [name, String(headers[name])]),
  )
  const host = String(headers["host"])
  const expected = new RequestSigner(REGION).sign({ method, path, host, headers: signed, body }, CREDENTIALS, at)
  return expected["authorization"] === authorization
}

const TRANSPORTS = ["signed", "sdk"] as const

async function modelBehind(
  transport: (typeof TRANSPORTS)[number],
  backend: Partial<SageMakerBackend> = {},
  respond: Respond = ANSWER,
) {
  const { origin, asked } = await startLocalServer((one, response) => {
    if (isSigned(one)) return respond(one, response)
    response.writeHead(403, { "x-amzn-errortype": "InvalidSignatureException" }).end("{}")
  })
  const target: LocatedSageMaker = {
    kind: "sagemaker",
    endpoint: "ctr",
    region: REGION,
    endpointUrl: origin,
    inputPrefix: "s3://inputs/ads/",
    transport,
    maxBodyBytes: 65_536,
    maxConcurrent: 4,
  }
  const whole: SageMakerBackend = { kind: "sagemaker", target: "t", mode: "invoke", ...backend }
  expect(targetNameProblem(whole, new Map([["t", target]]))).toBeUndefined()
  const outbound = createOutboundHttp({ origin, connections: 4, maxAnswerBytes: 65_536 })
  onTestFinished(() => outbound.close())
  const calls = new TargetGuard({ name: "t", outbound, maxConcurrent: 4 }, realClock, () => 0.5).forModel()
  const source = new CredentialSource(async () => CREDENTIALS, realClock)
  const endpoint = createSageMakerModel({
    backend: whole,
    target,
    calls,
    transport:
      transport === "sdk"
        ? sdkTransport(target, calls, async () => CREDENTIALS)
        : signedTransport(target, calls, source, realClock),
  })
  const predict = async (parts: Parameters<typeof modelCall>[0]) => await endpoint.predict(modelCall(parts))
  return { asked, endpoint, predict }
}

const opaque = (parts: Partial<OpaqueRequest>): OpaqueRequest => ({
  bytes: Buffer.from("\u0000\u00ff1,2", "latin1"),
  contentType: "text/csv",
  headers: {},
  protocol: "sagemaker",
  ...parts,
})

describe.each(TRANSPORTS)("given the transport %s and a server that verifies signatures", (transport) => {
  it("asks with what the document declares, for a variant and a model, under the decision's id", async () => {
    const { asked, predict, endpoint } = await modelBehind(transport, {
      variant: "VariantA",
      model: "ads/ctr.tar.gz",
      request: { form: "row", features: ["b", "a"] },
    })
    expect(await predict({ instances: INSTANCES })).toEqual({ kind: "scores", scores: [0.25, 0.75], status: 200 })
    expect(asked[0]).toMatchObject({
      path: "/endpoints/ctr/invocations",
      headers: {
        "content-type": "application/json",
        "x-amzn-sagemaker-target-variant": "VariantA",
        "x-amzn-sagemaker-target-model": "ads/ctr.tar.gz",
        "x-amzn-sagemaker-inference-id": modelCall({}).decisionId,
      },
    })
    expect(JSON.parse(String(asked[0]?.body))).toEqual({
      instances: [
        ["x", 1],
        ["y", 2],
      ],
    })
    expect(endpoint.preview?.()).toMatchObject({
      path: "/endpoints/ctr/invocations",
      body: '{"instances":[["<b>","<a>"]]}',
    })
  })

  it("sends CSV and reads it", async () => {
    const backend: Partial<SageMakerBackend> = { contentType: "text/csv", request: { features: ["a", "b"] } }
    const { asked, predict } = await modelBehind(transport, backend, (_, response) => {
      response.writeHead(200, { "content-type": "text/csv; charset=utf-8" }).end("0.5,0.125")
    })
    expect(await predict({ instances: INSTANCES })).toEqual({ kind: "scores", scores: [0.5, 0.125], status: 200 })
    expect([String(asked[0]?.body), asked[0]?.headers["content-type"]]).toEqual(["1,x\n2,y", "text/csv"])
  })

  it("passes a caller's body and its protocol's headers on, and the answer back, byte for byte", async () => {
    const bytes = Buffer.from([0, 255, 10, 13])
    const { asked, predict } = await modelBehind(transport, { variant: "blue" }, (_, response) => {
      const headers = {
        "content-type": "application/x-npy",
        "x-amzn-invoked-production-variant": "blue",
        "set-cookie": "a=b",
      }
      response.writeHead(200, headers).end(bytes)
    })
    const headers = {
      accept: "application/x-npy",
      "x-amzn-sagemaker-custom-attributes": "c000b4f9;tenant=a",
      "x-amzn-sagemaker-inference-id": "mine",
      "x-amzn-sagemaker-target-variant": "green",
      "x-amz-security-token": "theirs",
      cookie: "a=b",
    }
    const answer = await predict({ payload: opaque({ headers }) })
    expect(answer).toMatchObject({
      kind: "body",
      body: { contentType: "application/x-npy", headers: { "x-amzn-invoked-production-variant": "blue" } },
    })
    if (answer.kind !== "body") throw new Error("no body")
    expect(Buffer.from(answer.body.bytes)).toEqual(bytes)
    expect(asked[0]?.body).toEqual(Buffer.from("\u0000\u00ff1,2", "latin1"))
    expect(asked[0]?.headers).toMatchObject({
      accept: "application/x-npy",
      "content-type": "text/csv",
      "x-amzn-sagemaker-custom-attributes": "c000b4f9;tenant=a",
      "x-amzn-sagemaker-inference-id": "mine",
      "x-amzn-sagemaker-target-variant": "blue",
      "x-amz-security-token": "token",
    })
    expect(asked[0]?.headers).not.toHaveProperty("cookie")
  })

  it("says where the answer of an asynchronous endpoint will be", async () => {
    const { asked, predict } = await modelBehind(transport, { mode: "async" }, (_, response) => {
      const headers = {
        "x-amzn-sagemaker-outputlocation": "s3://out/1",
        "x-amzn-sagemaker-failurelocation": "s3://bad/1",
      }
      response.writeHead(202, headers).end('{"InferenceId":"inf-2"}')
    })
    const headers = {
      "x-amzn-sagemaker-inputlocation": "s3://inputs/ads/1.json",
      "x-amzn-sagemaker-content-type": "application/json",
      "x-amzn-sagemaker-requestttlseconds": "120",
    }
    expect(
      await predict({ payload: opaque({ protocol: "sagemaker-async", headers, contentType: undefined }) }),
    ).toEqual({
      kind: "accepted",
      location: "s3://out/1",
      failureLocation: "s3://bad/1",
      status: 202,
    })
    expect(asked[0]).toMatchObject({ path: "/endpoints/ctr/async-invocations", headers })
  })

  it.each(["s3://inputs/other/1.json", "s3://inputs/ads", "http://169.254.169.254/", undefined])(
    "takes no input from %s",
    async (location) => {
      const { asked, predict } = await modelBehind(transport, { mode: "async" })
      const headers: Record<string, string> =
        location === undefined ? {} : { "x-amzn-sagemaker-inputlocation": location }
      const answer = predict({
        payload: opaque({ protocol: "sagemaker-async", headers }),
      })
      await expect(answer).rejects.toMatchObject({ code: "features_invalid" })
      expect(asked).toEqual([])
    },
  )

  it.each([
    [424, "ModelError"],
    [400, "ValidationError"],
    [429, "ThrottlingException"],
    [500, "InternalFailure"],
  ])("answers nothing where the endpoint answers %i %s", async (status, type) => {
    const { predict } = await modelBehind(transport, {}, (_, response) => {
      response.writeHead(status, { "x-amzn-errortype": type }).end('{"Message":"upstream text"}')
    })
    await expect(predict({ instances: INSTANCES })).rejects.toMatchObject({ code: "backend_failed", detail: undefined })
  })

  it("gives up when its time is over", async () => {
    const { predict } = await modelBehind(transport, {}, () => {})
    await expect(predict({ instances: INSTANCES, timeoutMs: 30 })).rejects.toMatchObject({ code: "deadline_exceeded" })
  })
})
