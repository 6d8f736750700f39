import * as z from "zod"
import { parseShape } from "../document-issues.ts"
import { NAME } from "./backend.ts"
import { forbiddenAddress } from "./dialled-address.ts"

/** What most predictions need by far, and what SageMaker takes at most. */
const DEFAULT_BODY_BYTES = 64 << 10
const MOST_BODY_BYTES = 6 << 20
const DEFAULT_CONCURRENT = 64

const HEADER_NAME = /^[a-z0-9-]{1,64}$/
/** What the connection or the request itself decides. */
const OWN_HEADERS = new Set([
  "connection",
  "content-length",
  "content-type",
  "expect",
  "host",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
])

const limits = {
  maxBodyBytes: z
    .number()
    .int()
    .min(1024)
    .max(MOST_BODY_BYTES)
    .default(DEFAULT_BODY_BYTES)
    .describe("The most that is sent to it in one body, and taken from it"),
  maxConcurrent: z
    .number()
    .int()
    .min(1)
    .max(4096)
    .default(DEFAULT_CONCURRENT)
    .describe("Calls under way at once, of all threads together; what comes beyond goes to the next of the ladder"),
}

/** A header's value that is one line of visible characters. */
const headerValue = z
  .string()
  .regex(/^[\x21-\x7e](?:[\x20-\x7e]{0,2046}[\x21-\x7e])?$/, "must be one line of visible ASCII characters")

const baseUrl = z.string().transform((text, context) => {
  const problem = baseUrlProblem(text)
  if (problem === undefined) return text.replace(/\/$/, "")
  context.addIssue({ code: "custom", message: problem })
  return z.NEVER
})

const http = z.strictObject({
  kind: z.literal("http"),
  protocol: z
    .enum(["tensorflow-v1", "open-inference-v2", "seldon-v1", "json"])
    .describe("What the server speaks; json: anything that takes and answers JSON or CSV"),
  baseUrl: baseUrl.describe("Scheme, host, port, and a path that all requests begin with"),
  headers: z
    .record(
      z
        .string()
        .regex(HEADER_NAME, "must be a header's name in lower case")
        .refine((name) => !OWN_HEADERS.has(name), "is decided by the request itself"),
      headerValue,
    )
    .default({})
    .describe("Sent with every request, an API key for example"),
  ...limits,
})

const sagemaker = z.strictObject({
  kind: z.literal("sagemaker"),
  endpoint: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/, "must be an endpoint's name: 1 to 63 letters, digits or hyphens")
    .describe("The endpoint's name"),
  region: z
    .string()
    .regex(/^[a-z]{2,8}(?:-[a-z]{2,16}){1,3}-\d{1,2}$/, "must be a region such as eu-west-1")
    .optional()
    .describe("Where it is; AWS_REGION when left out"),
  endpointUrl: baseUrl
    .optional()
    .describe(
      "Another address of the SageMaker runtime; AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME, else that of the region when left out",
    ),
  inputPrefix: z
    .string()
    .regex(/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\/[\x21-\x7e]{0,900}$/, "must be s3://bucket/ and a prefix")
    .optional()
    .describe("What a caller's InputLocation must begin with (mode async); none is taken when left out"),
  transport: z
    .enum(["signed", "sdk"])
    .default("signed")
    .describe("signed: the gateway signs requests itself; sdk: the AWS SDK does, at several times the processor time"),
  ...limits,
})

const targetSchema = z.discriminatedUnion("kind", [http, sagemaker], {
  error: (issue) => (issue.code === "invalid_union" ? "must be http or sagemaker" : undefined),
})

const targetsSchema = z.strictObject({
  targets: z.record(
    z.string().regex(NAME, "must be 1 to 64 letters, digits, dots, hyphens or underscores"),
    targetSchema,
  ),
})

/** Where models are served: part of the deployment, never of an experiment. */
export type Target = z.output<typeof targetSchema>
export type HttpTarget = z.output<typeof http>
export type SageMakerTarget = z.output<typeof sagemaker>
/** One whose region and address are known. */
export interface LocatedSageMaker extends SageMakerTarget {
  readonly region: string
  readonly endpointUrl: string
}
/** A target whose address is known. */
export type LocatedTarget = HttpTarget | LocatedSageMaker
export type HttpProtocol = HttpTarget["protocol"]

export type ParsedTargets =
  | { readonly ok: true; readonly targets: ReadonlyMap<string, Target> }
  | { readonly ok: false; readonly problems: readonly string[] }

/** Parses what TARGETS_FILE says, already read from YAML or JSON: every problem at once, each with what would be right. */
export function parseTargets(document: unknown): ParsedTargets {
  const shape = parseShape(targetsSchema, document)
  if (shape.ok) return { ok: true, targets: new Map(Object.entries(shape.value.targets)) }
  return {
    ok: false,
    problems: shape.issues.map(({ path, message }) => `${path.join(".")}${path.length === 0 ? "" : " "}${message}`),
  }
}

/** Why requests can't begin with this URL, undefined where they can. */
function baseUrlProblem(text: string): string | undefined {
  const parts = /^(https?):\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?(\/[A-Za-z0-9._~/-]*)?$/.exec(text)
  if (parts === null) {
    return "must be http:// or https://, a host, a port where it isn't the usual one, and a plain path: no user, query or fragment"
  }
  const [, , host = "", port, path = ""] = parts
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return "must have a port from 1 to 65535"
  if (path.split("/").some((step) => step === "." || step === "..")) return "must not have . or .. in its path"
  return forbiddenAddress(host.replace(/^\[|\]$/g, ""))
}
