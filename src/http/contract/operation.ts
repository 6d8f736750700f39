import type { ErrorCode } from "../../domain/errors.ts"
import { EXPERIMENT_ID } from "../../domain/ids.ts"
import type { Permission } from "../../domain/permissions.ts"
import type { Partition } from "../overload/partition.ts"
import type { Dialect } from "./dialects/dialect.ts"
import type { SchemaName } from "./schemas.ts"

/** A parameter of an operation. `schema` is JSON Schema. */
export interface Parameter {
  readonly name: string
  readonly in: "path" | "query" | "header"
  readonly required: boolean
  readonly description: string
  readonly schema: Readonly<Record<string, unknown>>
  readonly example?: string
}

/** One media type of a request or an answer: the named schemas that fit (any of them), and an example. */
export interface Content {
  readonly mediaType: string
  readonly schemas?: readonly SchemaName[]
  /** Whether the body is a list of them. */
  readonly list?: boolean
  readonly example?: unknown
}

export interface OperationAnswer {
  readonly status: number
  readonly description: string
  readonly content?: readonly Content[]
  readonly headers?: Readonly<Record<string, string>>
}

/** Stands for bodies of any type, and for those that name none. */
export const ANY_MEDIA_TYPE = "*/*"

/** What an operation takes: nothing but these media types, in UTF-8, and no more bytes. */
export interface RequestBody {
  readonly maxBytes: number
  /** Where that is more: what is passed on to models that take it. */
  readonly maxPassedBytes?: number
  readonly contents: readonly Content[]
}

/** One method of one path: what its handler is mounted by, and what the OpenAPI document and the page tell. */
export interface Operation {
  readonly id: string
  readonly method: "get" | "post" | "put" | "patch" | "delete" | "options"
  /** With `{name}` for each path parameter. */
  readonly path: string
  readonly tag: "Predict" | "Reward" | "Dialects" | "Experiments" | "Keys" | "Operations"
  /** Whose protocol it is, where it isn't the gateway's own: errors have its form, and no browser may call it. */
  readonly dialect?: Dialect
  readonly summary: string
  readonly description: string
  /** What the caller's key must be allowed to do, where keys are asked for: checked before the handler runs. Under /admin `admin` where left out. */
  readonly permission?: Permission
  /**
   * Who sees to it that a key for some experiments gets to no other. Where the path has `{experiment}` that is checked before the handler runs.
   * Elsewhere such a key is refused, unless the handler asks `requireScope` or `mayUse` itself.
   */
  readonly scope?: "handler"
  /**
   * Whose share of an overloaded gateway its requests take; `exempt`: health checks and metrics, which are always answered, since whoever looks after
   * the gateway must see it while it is overloaded. `admin` where left out.
   */
  readonly partition?: Partition | "exempt"
  readonly parameters?: readonly Parameter[]
  readonly request?: RequestBody
  readonly answers: readonly OperationAnswer[]
  /** Problems beside those of every operation, of every body and of every key. */
  readonly problems?: readonly ErrorCode[]
}

/** Undefined for operations that are always answered. */
export function partitionOf({ partition = "admin" }: Pick<Operation, "partition">): Partition | undefined {
  return partition === "exempt" ? undefined : partition
}

/** What an operation that takes a body can answer beside: the body is not what it takes. */
export const BODY_PROBLEMS: readonly ErrorCode[] = [
  "invalid_json",
  "not_an_object",
  "payload_too_large",
  "unsupported_media_type",
  "unsupported_encoding",
]

/** What any operation can answer: the URL, the headers, the gateway itself. */
export const COMMON_PROBLEMS: readonly ErrorCode[] = [
  "bad_request",
  "method_not_allowed",
  "uri_too_long",
  "headers_too_large",
  "request_timeout",
  "expectation_failed",
  "misdirected",
  "transfer_coding_unsupported",
  "http_version_unsupported",
  "not_configured",
  "internal",
]

/** An answer that is a JSON document, of any of the schemas. */
export function jsonAnswer(
  status: number,
  description: string,
  schemas: SchemaName | readonly SchemaName[],
  example?: unknown,
): OperationAnswer {
  const content: Content = { mediaType: "application/json", schemas: [schemas].flat(), example }
  return { status, description, content: [content] }
}

/** JSON Schema of a text that isn't empty. */
export function textUpTo(maxLength: number): Readonly<Record<string, unknown>> {
  return { type: "string", minLength: 1, maxLength }
}

/** The experiment as a path segment. */
export const experimentInPath: Parameter = {
  name: "experiment",
  in: "path",
  required: true,
  description: "The experiment's id",
  schema: { type: "string", pattern: EXPERIMENT_ID.source },
  example: "banner-ctr",
}

/** Longest value of a parameter in the query of an operation under /admin. */
export const MAX_VALUE_LENGTH = 1000

/** Largest whole number that such a value can be. */
export const MAX_COUNT = 999_999_999_999_999
