import { MAX_LINE_BYTES } from "../../domain/outcome-line.ts"
import { quoted } from "./duckdb.ts"
import { EVENT_FIELDS } from "./event-fields.ts"
import type { LogFiles } from "./log-sources.ts"

/** The fields of events that evaluation looks at. */
const FIELDS = [
  "v",
  "type",
  "eventId",
  "at",
  "experiment",
  "revision",
  "series",
  "metric",
  "decisionId",
  "unit",
  "stickiness",
  "variant",
  "allocation",
  "reason",
  "features",
  "value",
  "bound",
  "aggregation",
  "status",
  "document",
] as const satisfies readonly (keyof typeof EVENT_FIELDS)[]

export interface Staging {
  readonly files: LogFiles
  readonly experiment: string
  readonly segmentBy?: string | undefined
  readonly modelFeatures: readonly string[]
  readonly whole?: boolean | undefined
  /** Which fields Parquet files have, with their types. */
  readonly parquetTypes: ReadonlyMap<string, string>
}

/**
 * The experiment's events in narrow types: rows of the table `events`. Ids become numbers of 128 bits, texts that repeat are kept once by the storage.
 * Lines that are no JSON, or lack what an event has, are left out.
 */
export function stagedEvents(staging: Staging): string {
  const { experiment, segmentBy, modelFeatures, whole = false } = staging
  const feature = (name: string): string => `json_extract_string(features, ${quoted(pointerTo(name))})`
  const cell =
    modelFeatures.length === 0
      ? "NULL"
      : `concat_ws(chr(31), ${modelFeatures.map((name) => `coalesce(${feature(name)}, chr(30))`).join(", ")})`
  return `SELECT
  "type" AS kind,
  md5_number("decisionId") AS decision,
  CASE WHEN stickiness = 'unit' THEN md5_number(unit) ELSE md5_number("decisionId") END AS owner,
  CAST(md5_number_lower(unit) % 4096 AS USMALLINT) AS bucket,
  epoch_ms("at") AS ms,
  revision, series, variant,
  CAST(allocation AS VARCHAR) AS allocation,
  reason, stickiness, metric, "value" AS amount, bound, aggregation,
  CASE "type" WHEN 'reward' THEN "eventId" END AS reward_id,
  CASE "type" WHEN 'decision' THEN ${segmentBy === undefined ? "NULL" : feature(segmentBy)} END AS segment,
  CASE "type" WHEN 'decision' THEN ${cell} END AS cell,
  ${whole ? `"decisionId"` : "NULL"} AS decision_id,
  ${whole ? "CAST(features AS VARCHAR)" : "NULL"} AS features,
  document
FROM (${lines(staging, whole || segmentBy !== undefined || modelFeatures.length > 0)})
WHERE v = 1 AND experiment = ${quoted(experiment)} AND "at" IS NOT NULL AND revision IS NOT NULL AND (
  ("type" = 'decision' AND "decisionId" IS NOT NULL AND unit IS NOT NULL AND allocation IS NOT NULL AND reason IS NOT NULL
    AND metric IS NOT NULL AND stickiness IS NOT NULL AND variant IS NOT NULL)
  OR ("type" = 'reward' AND "decisionId" IS NOT NULL AND "eventId" IS NOT NULL AND metric IS NOT NULL AND "value" IS NOT NULL AND status = 'applied')
  OR ("type" = 'experiment' AND document IS NOT NULL))`
}

/** Ids of all experiments that have decisions. */
export function experimentsOf(staging: Pick<Staging, "files" | "parquetTypes">): string {
  return `SELECT DISTINCT experiment FROM (${lines(staging)}) WHERE "type" = 'decision' AND experiment IS NOT NULL ORDER BY ALL LIMIT 20`
}

/** RFC 6901: unlike a JSON path it can name any member. */
function pointerTo(name: string): string {
  return `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`
}

/** The lines of all files, with the fields of events; features only where somebody looks at them, since they are long to read. */
function lines({ files, parquetTypes }: Pick<Staging, "files" | "parquetTypes">, withFeatures = false): string {
  const fields = FIELDS.filter((name) => withFeatures || name !== "features").map(
    (name) => [name, EVENT_FIELDS[name]] as const,
  )
  const list = (paths: readonly string[]): string => `[${paths.map(quoted).join(", ")}]`
  const columns = fields.map(([name, type]) => `${quoted(name)}: ${quoted(type)}`)
  const json = (paths: readonly string[], compression: string): string =>
    `SELECT * FROM read_json(${list(paths)}, format = 'newline_delimited', columns = {${columns.join(", ")}}, ` +
    `ignore_errors = true, compression = '${compression}', maximum_object_size = ${MAX_LINE_BYTES})`
  const parts: string[] = []
  if (files.ndjson.length > 0) parts.push(json(files.ndjson, "uncompressed"))
  if (files.gzip.length > 0) parts.push(json(files.gzip, "gzip"))
  if (files.parquet.length > 0) {
    const converted = fields.map(([name, type]) => `${fromParquet(name, type, parquetTypes)} AS "${name}"`)
    parts.push(`SELECT ${converted.join(", ")} FROM ${parquet(files.parquet)}`)
  }
  return parts.join(" UNION ALL ")
}

/** Names and types of what Parquet files hold. */
export function describeParquet(files: readonly string[]): string {
  return `DESCRIBE SELECT * FROM ${parquet(files)}`
}

/** Folders may be named by what their files hold, or by what these leave out; a name stays a text, also where it is a number. */
function parquet(files: readonly string[]): string {
  return `read_parquet([${files.map(quoted).join(", ")}], union_by_name = true, hive_partitioning = true, hive_types_autocast = false)`
}

/** Whoever writes Parquet keeps objects as JSON texts, maps or structures. */
function fromParquet(name: string, type: string, types: ReadonlyMap<string, string>): string {
  const stored = types.get(name)
  if (stored === undefined) return `CAST(NULL AS ${type})`
  if (type !== "JSON" || stored === "JSON") return `CAST("${name}" AS ${type})`
  return stored === "VARCHAR" ? `CAST("${name}" AS JSON)` : `to_json("${name}")`
}
