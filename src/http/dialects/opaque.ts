import type { Served } from "../../app/served-experiments.ts"
import { GatewayError } from "../../domain/errors.ts"
import type { ModelEndpoint, OpaqueBody, OpaqueRequest, WireProtocol } from "../../ports/model-endpoint.ts"
import type { Answer, Call } from "../call.ts"
import { refuse, unitProblem } from "../contract/predict-body.ts"
import { decodeUtf8, parseJson } from "../strict-json.ts"
import type { Question, ReadRequest } from "./ask.ts"

/** The most bytes of a body that the gateway reads itself. */
const MAX_READ_BYTES = 65_536

/** A question, but for the variant that it may force. */
export interface Taken<Read extends ReadRequest> extends Omit<Question, "forcedVariant"> {
  /** What was read; undefined where the body is passed on unread. */
  readonly read: Read | undefined
}

/**
 * Takes a body as the models of the experiment want it: as it is for those that speak its protocol, read for the others. Where all of them speak
 * it, nothing but the unit is looked for; where some do, a body that can't be read is theirs alone.
 *
 * @param read reads the body for models that are asked with features; throws a GatewayError where it can't
 * @param unitAt where the JSON of a body that is not read may name its unit; undefined where the request has named it already
 */
export function takeBody<Read extends ReadRequest>(
  served: Served,
  payload: OpaqueRequest,
  read: () => Read,
  unitAt?: { readonly json: Uint8Array; readonly path: readonly string[] },
): Taken<Read> {
  const { protocol, bytes } = payload
  const variants = variantEndpoints(served)
  if (!variants.some(({ takes }) => takes.bodies.includes(protocol))) return taken(read(), undefined)
  const small = bytes.length <= MAX_READ_BYTES
  if (small && variants.some(({ takes }) => takes.features && !takes.bodies.includes(protocol))) {
    try {
      return taken(read(), payload)
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
    }
  }
  const unitId = small && unitAt !== undefined ? unitIn(unitAt.json, unitAt.path) : undefined
  return { unitId, instances: [], context: undefined, slate: false, featuresAt: "", payload, read: undefined }
}

function taken<Read extends ReadRequest>(read: Read, payload: OpaqueRequest | undefined): Taken<Read> {
  const { unitId, instances, context, slate, featuresAt } = read
  return { unitId, instances, context, slate, featuresAt, payload, read }
}

/** How many bytes of a body some model of an experiment takes, in one protocol. */
export function maxBodyBytes(served: Served, protocol: WireProtocol): number {
  const passing = variantEndpoints(served).filter(({ takes }) => takes.bodies.includes(protocol))
  return Math.max(MAX_READ_BYTES, ...passing.map((endpoint) => endpoint.maxBodyBytes ?? 0))
}

/** Behind the variants there may be a static answer, which isn't asked for anything. */
function variantEndpoints({ snapshot, endpoints }: Served): readonly ModelEndpoint[] {
  return endpoints.slice(0, snapshot.experiment.variants.length)
}

/** A unit in a body that is otherwise not looked at, and need not be JSON. @throws GatewayError `validation_failed` where it is no unit's id */
function unitIn(json: Uint8Array, path: readonly string[]): string | undefined {
  let value: unknown
  try {
    const text = decodeUtf8(json)
    // Reading all of it costs many times as much as seeing that the name is nowhere, and no escape that could stand for it.
    if (!text.includes(path.at(-1) ?? "") && !text.includes("\\")) return undefined
    value = parseJson(text)
  } catch (error) {
    if (error instanceof GatewayError) return undefined
    throw error
  }
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined
    value = Object.entries(value).find(([name]) => name === step)?.[1]
  }
  const problem = typeof value === "string" ? unitProblem(value) : "must be text"
  if (problem !== undefined) refuse([{ pointer: path.map((step) => `/${step}`).join(""), detail: problem }])
  return String(value)
}

/** A model's own body as an answer. */
export function bodyAnswer(
  { bytes, contentType, headers }: OpaqueBody,
  more: Readonly<Record<string, string>>,
): Answer {
  const typed = contentType === undefined ? {} : { "content-type": contentType }
  return { status: 200, headers: { ...headers, ...typed, "cache-control": "no-store", ...more }, body: bytes }
}

/** Those of a call's headers that it has. @param names in lower case */
export function headersOf(call: Call, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = call.header(name)
      return value === undefined ? [] : [[name, value] as const]
    }),
  )
}
