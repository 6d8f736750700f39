import {
  InvokeEndpointAsyncCommand,
  type InvokeEndpointAsyncCommandInput,
  InvokeEndpointCommand,
  type InvokeEndpointCommandInput,
  SageMakerRuntimeClient,
} from "@aws-sdk/client-sagemaker-runtime"
import type { SageMakerBackend } from "../../domain/backends/backend.ts"
import type { LocatedSageMaker, SageMakerTarget } from "../../domain/backends/target.ts"
import { GatewayError } from "../../domain/errors.ts"
import type { Clock } from "../../ports/clock.ts"
import type { ModelEndpoint } from "../../ports/model-endpoint.ts"
import type { ModelCalls, OutboundAnswer } from "../../ports/outbound-http.ts"
import { CredentialSource } from "./credential-source.ts"
import {
  ASYNC_FIELDS,
  CUSTOM_ATTRIBUTES,
  FAILURE_LOCATION,
  INVOKE_FIELDS,
  INVOKED_VARIANT,
  type Invocation,
  invocationPath,
  OUTPUT_LOCATION,
} from "./invocation.ts"
import { createSageMakerModel } from "./model-endpoint.ts"
import type { Credentials } from "./signature.ts"
import { signedTransport, type Transport } from "./transport.ts"

/** What the SDK hands to whoever sends its requests. */
interface SdkRequest {
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: Uint8Array | string | undefined
}

interface SdkOptions {
  /** Milliseconds. */
  readonly requestTimeout: number
}

/**
 * Where a target is: what it says itself, else what the SDK finds in the environment and in its configuration files.
 *
 * @throws GatewayError `config_invalid` where the SDK doesn't find it, for want of a region first of all
 */
export async function locateTarget(name: string, target: SageMakerTarget): Promise<LocatedSageMaker> {
  const sent: { protocol: string; hostname: string; port?: number; path: string }[] = []
  const client = new SageMakerRuntimeClient({
    ...(target.region === undefined ? {} : { region: target.region }),
    ...(target.endpointUrl === undefined ? {} : { endpoint: target.endpointUrl }),
    credentials: { accessKeyId: "nobody", secretAccessKey: "nothing" },
    maxAttempts: 1,
    // Sends nothing: what it would be sent to is the answer.
    requestHandler: {
      handle: async (request: (typeof sent)[number]) => {
        sent.push(request)
        return { response: { statusCode: 200, headers: {}, body: new Uint8Array(0) } }
      },
      updateHttpClientConfig: () => {},
      httpHandlerConfigs: () => ({}),
    },
  })
  try {
    await client.send(new InvokeEndpointCommand({ EndpointName: target.endpoint, Body: new Uint8Array(0) }))
    const [request] = sent
    if (request === undefined) throw new Error("the SDK sent nothing")
    const { protocol, hostname, port, path } = request
    const base = path.slice(0, path.indexOf(invocationPath(target.endpoint, "invoke")))
    const endpointUrl = `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}${base}`
    return { ...target, region: await client.config.region(), endpointUrl }
  } catch (cause) {
    const detail = `The target ${name} can't be found: give it a region in TARGETS_FILE, or set AWS_REGION (${messageOf(cause)})`
    throw new GatewayError("config_invalid", { detail, cause })
  } finally {
    client.destroy()
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** What makes models of SageMaker targets. All that are in one region share the credentials of the standard chain. */
export function createSageMakerModels(clock: Clock): SageMakerModels {
  const sources = new Map<string, CredentialSource>()
  return (backend, target, calls) => {
    const { region } = target
    const source = sources.get(region) ?? new CredentialSource(standardCredentials(region), clock)
    sources.set(region, source)
    const transport =
      target.transport === "sdk"
        ? sdkTransport(target, calls, async () => await source.get())
        : signedTransport(target, calls, source, clock)
    return createSageMakerModel({ backend, target, calls, transport })
  }
}

export type SageMakerModels = (backend: SageMakerBackend, target: LocatedSageMaker, calls: ModelCalls) => ModelEndpoint

/** What provides the credentials of the standard chain: environment, files, web identity, container, instance. Asks anew each time. */
function standardCredentials(region: string): () => Promise<Credentials> {
  const client = new SageMakerRuntimeClient({ region })
  return async () => await client.config.credentials()
}

/** Lets the SDK make, sign and read the requests; they travel over the target's own connections, with its limits. */
export function sdkTransport(
  target: LocatedSageMaker,
  calls: ModelCalls,
  credentials: () => Promise<Credentials>,
): Transport {
  const client = new SageMakerRuntimeClient({
    region: target.region,
    endpoint: target.endpointUrl,
    credentials,
    // The target's own budget is the only one.
    maxAttempts: 1,
    requestHandler: handlerOver(calls),
  })
  const invoke = async ({ mode, headers, body }: Invocation, options: SdkOptions): Promise<OutboundAnswer> => {
    const EndpointName = target.endpoint
    if (mode === "async") {
      const input = { EndpointName, ...asFields<InvokeEndpointAsyncCommandInput>(headers, ASYNC_FIELDS) }
      const output = await client.send(new InvokeEndpointAsyncCommand(input), options)
      return answerOf(output.$metadata.httpStatusCode, new Uint8Array(0), {
        [OUTPUT_LOCATION]: output.OutputLocation,
        [FAILURE_LOCATION]: output.FailureLocation,
      })
    }
    const Body = Buffer.from(body)
    const input = { EndpointName, Body, ...asFields<InvokeEndpointCommandInput>(headers, INVOKE_FIELDS) }
    const output = await client.send(new InvokeEndpointCommand(input), options)
    return answerOf(output.$metadata.httpStatusCode, output.Body ?? new Uint8Array(0), {
      "content-type": output.ContentType,
      [INVOKED_VARIANT]: output.InvokedProductionVariant,
      [CUSTOM_ATTRIBUTES]: output.CustomAttributes,
    })
  }
  return {
    send: async (invocation, timeoutMs) => {
      try {
        return await invoke(invocation, { requestTimeout: timeoutMs })
      } catch (cause) {
        if (cause instanceof GatewayError) throw cause
        throw new GatewayError("backend_failed", { cause })
      }
    },
  }
}

function handlerOver(calls: ModelCalls) {
  return {
    handle: async (request: SdkRequest, { requestTimeout }: SdkOptions) => {
      const { path, headers, body } = request
      const answer = await calls.send({ method: "POST", path, headers: withoutOwn(headers), body }, requestTimeout)
      return { response: { statusCode: answer.status, headers: answer.headers, body: answer.bytes } }
    },
    updateHttpClientConfig: () => {},
    httpHandlerConfigs: () => ({}),
  }
}

/** The connection adds these itself. */
function withoutOwn(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== "host" && name !== "content-length"))
}

/** Headers as the SDK's input; what counts seconds is a number there. */
function asFields<Input>(
  headers: Readonly<Record<string, string>>,
  fields: Readonly<Record<string, string>>,
): Partial<Input> {
  const given = Object.entries(headers).flatMap(([name, value]) => {
    const field = fields[name]
    return field === undefined ? [] : [[field, field.endsWith("Seconds") ? Number(value) : value] as const]
  })
  return Object.fromEntries(given) as Partial<Input>
}

function answerOf(
  status: number | undefined,
  bytes: Uint8Array,
  headers: Record<string, string | undefined>,
): OutboundAnswer {
  return { status: status ?? 200, headers, bytes }
}
