import {
  InvokeEndpointCommand,
  InvokeEndpointWithResponseStreamCommand,
  SageMakerRuntimeClient,
  SageMakerRuntimeServiceException,
} from "@aws-sdk/client-sagemaker-runtime"
import { describe, expect, it, onTestFinished } from "vitest"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"
import { temporaryFolder } from "../../temporary-folder.ts"
import { FEATURES } from "./asked.ts"

const KEY = "secret-of-a-caller"

/** The AWS SDK's client of the SageMaker runtime, with nothing changed but its address. The session token carries the gateway's key. */
async function createClient(sessionToken = KEY) {
  const gateway = await startGateway(
    parseConfig({
      PORT: "0",
      SHUTDOWN_DELAY_SECONDS: "0",
      LOG_LEVEL: "error",
      DATA_DIR: temporaryFolder(),
      API_KEYS: `caller:predict:${KEY}`,
    }),
  )
  const client = new SageMakerRuntimeClient({
    endpoint: gateway.address,
    region: "eu-west-1",
    credentials: { accessKeyId: "any", secretAccessKey: "any", sessionToken },
    maxAttempts: 1,
  })
  onTestFinished(async () => {
    client.destroy()
    await gateway.stop()
  })
  return { client, address: gateway.address }
}

const REQUEST = {
  EndpointName: "banner-ctr",
  ContentType: "application/json",
  CustomAttributes: "unitId=user-42",
  Body: JSON.stringify(FEATURES),
}

describe("the AWS SDK's client of the SageMaker runtime", () => {
  it("gets predictions, and its decision in CustomAttributes", async () => {
    const { client, address } = await createClient()
    const answer = await client.send(new InvokeEndpointCommand(REQUEST))
    expect(JSON.parse(answer.Body.transformToString())).toEqual({
      prediction: expect.any(Number),
      model: expect.stringMatching(/^ctr-(raw|prefixed)$/),
    })
    expect(answer.InvokedProductionVariant).toMatch(/^champion|challenger$/)
    expect(answer.ContentType).toBe("application/json")
    expect(answer.$metadata.requestId).toMatch(/^[\w-]+$/)
    const token = /^decision=(.*)$/.exec(answer.CustomAttributes ?? "")?.[1]
    expect((await fetch(`${address}/reward?d=${token}`)).status).toBe(200)
    const again = await client.send(new InvokeEndpointCommand(REQUEST))
    expect(again.InvokedProductionVariant).toBe(answer.InvokedProductionVariant)
  })

  it("is refused with exceptions that it knows", async () => {
    const { client } = await createClient()
    const refusals = [
      [new InvokeEndpointCommand({ ...REQUEST, EndpointName: "none" }), "ValidationError"],
      [new InvokeEndpointCommand({ ...REQUEST, Body: "1,2,3" }), "ValidationError"],
      [new InvokeEndpointCommand({ ...REQUEST, TargetVariant: "challenger" }), "AccessDeniedException"],
    ] as const
    for (const [command, name] of refusals) {
      const refusal: unknown = await client.send(command).catch((error: unknown) => error)
      expect(refusal).toBeInstanceOf(SageMakerRuntimeServiceException)
      expect(refusal).toMatchObject({ name, message: expect.stringMatching(/\w/) })
    }
    const streaming = new InvokeEndpointWithResponseStreamCommand(REQUEST)
    await expect(client.send(streaming)).rejects.toMatchObject({ $metadata: { httpStatusCode: 501 } })
  })

  it("is refused with a session token that is no key", async () => {
    const { client } = await createClient("another")
    const refusal = client.send(new InvokeEndpointCommand(REQUEST))
    await expect(refusal).rejects.toMatchObject({ name: "UnrecognizedClientException" })
  })
})
