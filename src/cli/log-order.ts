import type { DuckDbLimits } from "../adapters/duckdb/duckdb.ts"
import { createDuckDbEvaluationLog } from "../adapters/duckdb/evaluation-log.ts"
import type { LogPlaces } from "../adapters/duckdb/staged-log.ts"
import { createS3LogObjects } from "../adapters/s3/log-objects.ts"
import type { EvaluationLog, EvaluationQuery } from "../ports/evaluation-log.ts"
import type { Io } from "./command.ts"
import { Refusal } from "./refusal.ts"
import { timeOf } from "./time-option.ts"

/** The options of every command that reads logs, for `parseArgs`. */
export const LOG_OPTIONS = {
  log: { type: "string", multiple: true, default: [] as string[] },
  experiment: { type: "string" },
  metric: { type: "string" },
  from: { type: "string" },
  to: { type: "string" },
  window: { type: "string" },
  threads: { type: "string", default: "1" },
  "temporary-gib": { type: "string", default: "50" },
} as const

/** What `--help` says of them. */
export const LOG_USAGE = {
  what: `  --log PLACE         a data folder, a folder of outcome files, a file, or
                      s3://BUCKET/PREFIX: JSON lines, plain or gzipped, or
                      Parquet; may be repeated
  --experiment ID     which experiment`,
  rows: `  --metric NAME       default: what the experiment learned from last
  --from, --to TIME   decisions from one time until before another, as in
                      2026-11-20T12:00:00Z
  --window SECONDS    leaves out decisions younger than this at the log's end;
                      default: the metric's attribution window, as logged`,
  limits: `  --threads N         processor cores to read with (1)
  --temporary-gib N   how large the temporary folder may get (50). TMPDIR says
                      where it is`,
}

interface LogValues {
  readonly log: readonly string[]
  readonly experiment?: string | undefined
  readonly metric?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly window?: string | undefined
  readonly threads: string
  readonly "temporary-gib": string
}

/** Which rows of which log a command is to read. */
export interface LogOrder {
  readonly query: Pick<EvaluationQuery, "experiment" | "metric" | "from" | "to" | "windowSeconds">
  readonly open: (signal: AbortSignal) => EvaluationLog
}

/** @throws Refusal that says which option is wrong and what would be right */
export function readLogOrder(values: LogValues, io: Pick<Io, "env">): LogOrder {
  const places = logPlaces(values.log, io)
  if (values.experiment === undefined) throw new Refusal("--experiment is missing: the id of an experiment in the log")
  const query = {
    experiment: values.experiment,
    metric: values.metric,
    from: timeOf("--from", values.from),
    to: timeOf("--to", values.to),
    windowSeconds: secondsOf(values.window),
  }
  const limits: Partial<DuckDbLimits> = {
    threads: wholeNumber("--threads", values.threads, 99),
    temporaryGiB: wholeNumber("--temporary-gib", values["temporary-gib"], 99_999),
  }
  return { query, open: (signal) => createDuckDbEvaluationLog(places, { limits, signal }) }
}

const S3 = "s3://"
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/

function logPlaces(named: readonly string[], { env }: Pick<Io, "env">): LogPlaces {
  if (named.length === 0) throw new Refusal("--log is missing: a data folder, or files of outcomes")
  return {
    paths: named.filter((name) => !name.startsWith(S3)),
    objects: named
      .filter((name) => name.startsWith(S3))
      .map((name) => {
        const [bucket = "", ...prefix] = name.slice(S3.length).split("/")
        if (!BUCKET.test(bucket)) throw new Refusal(`--log ${name}: write s3://BUCKET/PREFIX`)
        const endpoint = env["AWS_ENDPOINT_URL_S3"] ?? env["AWS_ENDPOINT_URL"]
        const region = env["AWS_REGION"] ?? env["AWS_DEFAULT_REGION"]
        return createS3LogObjects({ bucket, prefix: prefix.join("/"), endpoint, region })
      }),
  }
}

function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined || /^\d{1,9}$/.test(text)) return text === undefined ? undefined : Number(text)
  throw new Refusal(`--window ${text}: it is a whole number of seconds`)
}

function wholeNumber(option: string, text: string, most: number): number {
  if (/^[1-9]\d*$/.test(text) && Number(text) <= most) return Number(text)
  throw new Refusal(`${option} ${text}: it is a whole number from 1 to ${most}`)
}

const FEATURE_NAME = /^[^"\\]{1,128}$/

/** The name of a logged feature. @throws Refusal */
export function featureName(option: string, name: string): string {
  if (FEATURE_NAME.test(name)) return name
  throw new Refusal(`${option} "${name}" can't be a feature's name: 1 to 128 characters without quotes and backslashes`)
}
