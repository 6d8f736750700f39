import { readJson } from "../../domain/json-text.ts"
import type { KinesisConnection } from "./connection.ts"
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
  /^(ExpiredToken|UnrecognizedClient|InvalidClientTokenId|AccessDenied|MissingAuthenticationToken|CredentialsProviderError)/

/**
 * Puts records into a stream, once. Body and answer are made and read here, since by the SDK's own serialisation each record costs twice as much.
 *
 * @param records at most as many as one call takes: `callsOf`
 * @throws the signal's reason once it aborts
 */
export async function putRecords(
  connection: KinesisConnection,
  stream: string,
  records: readonly StreamRecord[],
  signal: AbortSignal,
): Promise<PutAnswer> {
  try {
    const { statusCode, text } = await connection.putRecords(bodyOf(stream, records), signal)
    const answer = readJson(text)
    return statusCode === 200 ? answerOf(records, answer) : refused(records, statusCode, answer, text)
  } catch (error) {
    signal.throwIfAborted()
    return failed(records, error)
  }
}

/** Keys and base64 have nothing to escape. Base64 that lived longer than this would cost more to collect than to make. */
function bodyOf(stream: string, records: readonly StreamRecord[]): Buffer {
  let entries = ""
  for (const { source, begin, end, partitionKey } of records) {
    const separator = entries === "" ? "" : ","
    entries += `${separator}{"Data":"${source.toString("base64", begin, end)}","PartitionKey":"${partitionKey}"}`
  }
  return Buffer.from(`{"StreamName":${JSON.stringify(stream)},"Records":[${entries}]}`, "latin1")
}

type Fields = Readonly<Record<string, unknown>>

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null
}

function textIn(fields: Fields, name: string): string | undefined {
  const value = fields[name]
  return typeof value === "string" ? value : undefined
}

/** The call was answered by an error. */
function refused(records: readonly StreamRecord[], statusCode: number, answer: unknown, text: string): PutAnswer {
  const fields = isFields(answer) ? answer : {}
  const type = textIn(fields, "__type") ?? `status ${statusCode}`
  const message = textIn(fields, "message") ?? textIn(fields, "Message") ?? text.slice(0, 200)
  return nothingTaken(records, type.slice(type.lastIndexOf("#") + 1), message)
}

/** The call was not answered, or not made. */
function failed(records: readonly StreamRecord[], error: unknown): PutAnswer {
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  const code = error instanceof Error && "code" in error ? String(error.code) : ""
  return nothingTaken(records, name === "Error" ? code : name, message)
}

function nothingTaken(records: readonly StreamRecord[], name: string, message: string): PutAnswer {
  const problem = [name, message].filter((part) => part !== "").join(": ")
  return { left: records, accepted: 0, throttled: THROTTLED.test(name), problem, unauthorized: UNAUTHORIZED.test(name) }
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
