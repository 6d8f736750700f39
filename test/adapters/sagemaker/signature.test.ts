import { createHmac, hash } from "node:crypto"
import { SignatureV4 } from "@smithy/signature-v4"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { RequestSigner } from "#src/adapters/sagemaker/signature.ts"

/** SHA-256 as the reference takes it. */
class Sha256 {
  readonly #key: string | ArrayBuffer | ArrayBufferView | undefined
  readonly #chunks: Uint8Array[] = []
  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#key = key
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#chunks.push(bytesOf(data))
  }
  async digest(): Promise<Uint8Array> {
    const data = Buffer.concat(this.#chunks)
    if (this.#key === undefined) return new Uint8Array(hash("sha256", data, "buffer"))
    return new Uint8Array(createHmac("sha256", bytesOf(this.#key)).update(data).digest())
  }
  reset(): void {
    this.#chunks.length = 0
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === "string") return Buffer.from(data)
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data)
}

const word = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9-]{0,20}$/)
const value = fc.stringMatching(/^[\x21-\x7e]{1,12}(?: {1,3}[\x21-\x7e]{1,12}){0,3}$/)
const requests = fc.record({
  region: fc.constantFrom("us-east-1", "eu-west-1", "ap-southeast-2"),
  endpoint: word,
  host: fc.constantFrom("runtime.sagemaker.eu-west-1.amazonaws.com", "127.0.0.1:18300"),
  headers: fc.dictionary(
    fc.constantFrom(
      "content-type",
      "accept",
      "x-amzn-sagemaker-custom-attributes",
      "x-amzn-sagemaker-target-variant",
      "x-amzn-sagemaker-target-model",
      "x-amzn-sagemaker-inference-id",
    ),
    value,
  ),
  body: fc.oneof(fc.string(), fc.uint8Array({ maxLength: 100 })),
  accessKeyId: word,
  secretAccessKey: fc.stringMatching(/^[A-Za-z0-9/+=]{1,40}$/),
  sessionToken: fc.option(fc.stringMatching(/^[A-Za-z0-9/+=]{1,60}$/), { nil: undefined }),
  at: fc.date({ min: new Date("2000-01-01"), max: new Date("2099-12-31"), noInvalidDate: true }),
})

it("signs as the AWS SDK's own signer does", async () => {
  const signers = new Map<string, RequestSigner>()
  await fc.assert(
    fc.asyncProperty(requests, async ({ region, endpoint, host, headers, body, at, sessionToken, ...keys }) => {
      const credentials = { ...keys, ...(sessionToken === undefined ? {} : { sessionToken }) }
      const path = `/endpoints/${endpoint}/invocations`
      const signer = signers.get(region) ?? new RequestSigner(region)
      signers.set(region, signer)
      const signed = signer.sign({ method: "POST", path, host, headers, body }, credentials, at.getTime())
      const reference = new SignatureV4({
        service: "sagemaker",
        region,
        credentials,
        sha256: Sha256,
        applyChecksum: false,
      })
      const [hostname = "", port] = host.split(":")
      const expected = await reference.sign(
        {
          method: "POST",
          protocol: "https:",
          hostname,
          path,
          headers: { ...headers, host },
          body,
          ...(port ? { port: Number(port) } : {}),
        },
        { signingDate: at },
      )
      expect({ ...signed, host }).toEqual(expected.headers)
    }),
    { numRuns: 500 },
  )
})
