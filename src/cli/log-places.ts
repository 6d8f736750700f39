import type { LogPlaces } from "../adapters/duckdb/staged-log.ts"
import { createS3LogObjects } from "../adapters/s3/log-objects.ts"
import type { Io } from "./command.ts"
import { Refusal } from "./refusal.ts"

const S3 = "s3://"
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/

/** What `--log` says on every command that has it. */
export const LOG_USAGE = `  --log PLACE         a data folder, a folder of outcome files, a file, or
                      s3://BUCKET/PREFIX: JSON lines, plain or gzipped, or
                      Parquet; may be repeated`

/** Where the logs are that `--log` names: paths, and objects in buckets. @throws Refusal */
export function logPlaces(named: readonly string[], { env }: Pick<Io, "env">): LogPlaces {
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
