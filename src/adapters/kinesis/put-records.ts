import { type KinesisClient, PutRecordsCommand } from "@aws-sdk/client-kinesis"
import { readJson } from "../../domain/json-text.ts"
import type { HttpHandler } from "./http-handler.ts"
import type { StreamRecord } from "./stream-records.ts"

/** What became of one call. */
export interface PutAnswer {
  /** Records that the stream doesn't have, or of which nobody knows. */
  readonly left: readonly StreamRecord[]
  /** How many it has said to have. */
  readonly accepted: number
  /** Whether it refused something because there was too much. */
  readonly throttled: boolean
  /** Why anything is left. */
  readonly problem: string | undefined
  /** Whether it doesn't know the credentials (any more): others may be had meanwhile. */
  readonly unauthorized: boolean
}

/** Too much for a shard, for the stream or for its key. */
const THROTTLED =
  /^(ProvisionedThroughputExceeded|LimitExceeded|Throttling|KMSThrottling|RequestLimitExceeded|SlowDown)/
const UNAUTHORIZED =
  /^(ExpiredToken|UnrecognizedClient|InvalidSignature|IncompleteSignature|InvalidClientTokenId|AccessDenied|MissingAuthenticationToken|SignatureDoesNotMatch|InvalidAccessKeyId|CredentialsProviderError)/

/** An answer that is no success, with what the SDK corrects its clock by. */
class RefusedCall extends Error {
  readonly $response: unknown
  /** Part of what the SDK expects of an error. */
  readonly $metadata = {}

  constructor(name: string, message: string, response: unknown) {
    super(message)
    this.name = name
    this.$response = response
  }
}

/**
 * Puts records into a stream, once. The SDK finds credentials and endpoint and signs; body and answer are text that is made and read here, since
 * by the SDK's own serialisation each record costs twice as much.
 *
 * @param records at most as many as one call takes: `callsOf`
 * @throws the signal's reason once it aborts
 */
export async function putRecords(
  client: KinesisClient,
  handler: HttpHandler,
  stream: string,
  records: readonly StreamRecord[],
  signal: AbortSignal,
): Promise<PutAnswer> {
  let answer: unknown
  try {
    answer = await call(client, handler, stream, bodyOf(stream, records), signal)
  } catch (error) {
    signal.throwIfAborted()
    return failed(records, error)
  }
  return answerOf(records, answer)
}

async function call(
  client: KinesisClient,
  handler: HttpHandler,
  stream: string,
  body: string,
  signal: AbortSignal,
): Promise<unknown> {
  const command = new PutRecordsCommand({ StreamName: stream, Records: [] })
  command.middlewareStack.add(
    (next) => (given) => {
      Object.assign(given.request as object, { body: Buffer.from(body, "latin1") })
      return next(given)
    },
    { step: "build", priority: "high", name: "ownBody" },
  )
  let answer: unknown
  command.middlewareStack.add(
    () => async (given) => {
      const { response } = await handler.handle(given.request as Parameters<HttpHandler["handle"]>[0], {
        abortSignal: signal,
      })
      const text = await textOf(response.body)
      answer = readJson(text)
      if (response.statusCode !== 200) throw refusal(response, answer, text)
      return { response, output: { $metadata: {}, Records: [] } }
    },
    { step: "deserialize", priority: "high", name: "ownAnswer" },
  )
  await client.send(command)
  return answer
}

/** Keys and base64 have nothing to escape. */
function bodyOf(stream: string, records: readonly StreamRecord[]): string {
  const entries = records.map(({ data, partitionKey }) => `{"Data":"${data}","PartitionKey":"${partitionKey}"}`)
  return `{"StreamName":${JSON.stringify(stream)},"Records":[${entries.join(",")}]}`
}

async function textOf(body: NodeJS.ReadableStream): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of body) parts.push(Buffer.from(part))
  return Buffer.concat(parts).toString("utf8")
}

function refusal(response: { readonly statusCode: number }, answer: unknown, text: string): RefusedCall {
  const fields = isFields(answer) ? answer : {}
  const type = textIn(fields, "__type") ?? `status ${response.statusCode}`
  const message = textIn(fields, "message") ?? textIn(fields, "Message") ?? text.slice(0, 200)
  return new RefusedCall(type.slice(type.lastIndexOf("#") + 1), message, response)
}

type Fields = Readonly<Record<string, unknown>>

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null
}

function textIn(fields: Fields, name: string): string | undefined {
  const value = fields[name]
  return typeof value === "string" ? value : undefined
}

function failed(records: readonly StreamRecord[], error: unknown): PutAnswer {
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  const said = [name === "Error" ? code : name, message].filter((part) => part !== "").join(": ")
  return {
    left: records,
    accepted: 0,
    throttled: THROTTLED.test(name),
    problem: said,
    unauthorized: UNAUTHORIZED.test(name),
  }
}

/** Which records are left by what the stream has said of each. */
function answerOf(records: readonly StreamRecord[], answer: unknown): PutAnswer {
  const said = isFields(answer) ? answer["Records"] : undefined
  if (!Array.isArray(said) || said.length !== records.length) {
    return failed(records, new Error("the stream's answer doesn't say what became of each record"))
  }
  const left: StreamRecord[] = []
  let problem: string | undefined
  let throttled = false
  for (const [index, record] of records.entries()) {
    const one: unknown = said[index]
    const fields = isFields(one) ? one : {}
    if (typeof fields["SequenceNumber"] === "string") continue
    left.push(record)
    const code = textIn(fields, "ErrorCode") ?? "no answer"
    problem ??= `${code}: ${textIn(fields, "ErrorMessage") ?? ""}`
    throttled ||= THROTTLED.test(code)
  }
  return { left, accepted: records.length - left.length, throttled, problem, unauthorized: false }
}
