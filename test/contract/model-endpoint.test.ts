import { onTestFinished } from "vitest"
import { loadArtifact } from "#src/adapters/embedded-scorer/artifact.ts"
import { createHttpModel } from "#src/adapters/http-model/model-endpoint.ts"
import { MemoryModelEndpoint } from "#src/adapters/memory/model-endpoint.ts"
import { CredentialSource } from "#src/adapters/sagemaker/credential-source.ts"
import { createSageMakerModel } from "#src/adapters/sagemaker/model-endpoint.ts"
import { sdkTransport } from "#src/adapters/sagemaker/sdk.ts"
import { signedTransport } from "#src/adapters/sagemaker/transport.ts"
import { createOutboundHttp } from "#src/adapters/undici/outbound-http.ts"
import { TargetGuard } from "#src/app/target-guard.ts"
import type { HttpBackend, SageMakerBackend } from "#src/domain/backends/backend.ts"
import { valueAt } from "#src/domain/backends/model-output.ts"
import type { HttpProtocol, HttpTarget, LocatedSageMaker } from "#src/domain/backends/target.ts"
import { realClock } from "#test/real-clock.ts"
import { TINY_MODEL, weightsBytes } from "../adapters/embedded-scorer/tiny-artifact.ts"
import { modelEndpointContract, remoteEndpointContract, type ScoringServer } from "./model-endpoint.ts"

const LIMITS = { maxBodyBytes: 4_096, maxConcurrent: 4 }

function callsTo(origin: string) {
  const outbound = createOutboundHttp({ origin, connections: 4, maxAnswerBytes: LIMITS.maxBodyBytes })
  onTestFinished(() => outbound.close())
  return new TargetGuard({ name: "t", outbound, maxConcurrent: 4 }, realClock, () => 0.5).forModel()
}

modelEndpointContract("a model in memory", async () => {
  const scoreOf = ({ a }: { readonly a?: unknown }) => Number(a) / 8
  const behaviour = { kind: "score", score: scoreOf } as const
  return { endpoint: new MemoryModelEndpoint({ model: "m", remote: false, behaviour }), scoreOf }
})

modelEndpointContract("an embedded model", async () => {
  const endpoint = loadArtifact(TINY_MODEL, weightsBytes())
  return { endpoint, scoreOf: (instance) => endpoint.score([instance])[0] ?? Number.NaN }
})

interface Spoken extends Pick<ScoringServer, "write"> {
  readonly backend: Partial<HttpBackend>
  /** Where the list of instances is in a request; `a` of each is the instance itself, or in it. */
  readonly instances: string
}

const ROWS: Pick<HttpBackend, "request"> = { request: { form: "row", features: ["a"] } }
const PROTOCOLS: Readonly<Record<HttpProtocol, Spoken>> = {
  "tensorflow-v1": {
    backend: { model: "m", ...ROWS },
    instances: "/instances",
    write: (predictions) => JSON.stringify({ predictions }),
  },
  "open-inference-v2": {
    backend: { model: "m", request: { inputs: [{ name: "x", datatype: "FP64", features: ["a"] }] } },
    instances: "/inputs/0/data",
    write: (data) => JSON.stringify({ outputs: [{ name: "y", datatype: "FP64", shape: [data.length], data }] }),
  },
  "seldon-v1": {
    backend: ROWS,
    instances: "/data/ndarray",
    write: (scores) => JSON.stringify({ data: { ndarray: scores.map((score) => [score]) } }),
  },
  json: {
    backend: { request: { body: { rows: "$instances" } }, response: { pointer: "/scores", item: "/p" } },
    instances: "/rows",
    write: (scores) => JSON.stringify({ scores: scores.map((p) => ({ p })) }),
  },
}

/** `a` of each instance, however an instance is written. */
function valuesOf(instances: unknown): number[] {
  if (!Array.isArray(instances)) throw new Error("there are no instances in the request")
  return instances.map((one) => Number(typeof one === "object" ? Object.values(one)[0] : one))
}

for (const [protocol, { backend, instances, write }] of Object.entries(PROTOCOLS)) {
  remoteEndpointContract(`a model that speaks ${protocol}`, {
    read: (body) => valuesOf(valueAt(JSON.parse(body), instances)),
    write,
    maxBodyBytes: LIMITS.maxBodyBytes,
    open: (origin) => {
      const target: HttpTarget = {
        kind: "http",
        protocol: protocol as HttpProtocol,
        baseUrl: origin,
        headers: {},
        ...LIMITS,
      }
      const whole = { kind: "http", target: "t", ...backend } as const
      return createHttpModel({ backend: whole, target, calls: callsTo(origin), clock: realClock })
    },
  })
}

const CREDENTIALS = async () => ({ accessKeyId: "AKID", secretAccessKey: "secret" })

for (const transport of ["signed", "sdk"] as const) {
  remoteEndpointContract(`a SageMaker endpoint by the transport ${transport}`, {
    read: (body) => valuesOf(valueAt(JSON.parse(body), "/instances")),
    write: (predictions) => JSON.stringify({ predictions }),
    maxBodyBytes: LIMITS.maxBodyBytes,
    open: (origin) => {
      const at = { endpoint: "ctr", region: "eu-west-1", endpointUrl: origin, transport }
      const target: LocatedSageMaker = { kind: "sagemaker", ...at, ...LIMITS }
      const backend: SageMakerBackend = { kind: "sagemaker", target: "t", mode: "invoke", ...ROWS }
      const calls = callsTo(origin)
      const sent =
        transport === "sdk"
          ? sdkTransport(target, calls, CREDENTIALS)
          : signedTransport(target, calls, new CredentialSource(CREDENTIALS, realClock), realClock)
      return createSageMakerModel({ backend, target, calls, transport: sent })
    },
  })
}
