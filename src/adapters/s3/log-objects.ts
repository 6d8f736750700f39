import { createWriteStream } from "node:fs"
import type { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import type * as S3 from "@aws-sdk/client-s3"
import { GatewayError } from "../../domain/errors.ts"
import type { LogObject, LogObjects } from "../../ports/log-objects.ts"

/** Which objects, and where. Credentials are found as every AWS tool finds them. */
export interface S3Location {
  readonly bucket: string
  /** What the names of the objects begin with; empty: all of the bucket. */
  readonly prefix: string
  /** Another server than Amazon's; buckets are then paths of it, not host names. */
  readonly endpoint?: string | undefined
  /** Absent: as AWS's own files say. */
  readonly region?: string | undefined
}

const CONNECTION_MS = 5_000
/** Longest silence of a server, before and within an answer. */
const SILENCE_MS = 60_000
const ATTEMPTS = 4
/** Every server but Amazon's takes any region. */
const ANY_REGION = "us-east-1"

/** Objects of a bucket of Amazon S3, or of a server that speaks as it does. */
export function createS3LogObjects({ bucket, prefix, endpoint, region }: S3Location): LogObjects {
  let opened: Promise<Opened> | undefined
  const open = (): Promise<Opened> => (opened ??= openClient(endpoint, region))
  const address = `s3://${bucket}/${prefix}`
  return {
    address,
    list: async (signal) => {
      const { sdk, client } = await open()
      try {
        const objects: LogObject[] = []
        const pages = sdk.paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix }, { abortSignal: signal })
        for await (const { Contents = [] } of pages) {
          for (const { Key, Size = 0 } of Contents) if (Key !== undefined) objects.push({ name: Key, bytes: Size })
        }
        return objects
      } catch (error) {
        throw explained(error, address)
      }
    },
    fetch: async ({ name }, file, signal) => {
      const { sdk, client } = await open()
      for (let attempt = 1; ; attempt++) {
        try {
          const command = new sdk.GetObjectCommand({ Bucket: bucket, Key: name })
          const { Body } = await client.send(command, { abortSignal: signal })
          await pipeline(Body as Readable, createWriteStream(file), { signal })
          return
        } catch (error) {
          // The client sends a request again; an answer that breaks off is ours to ask for again.
          if (attempt === ATTEMPTS || signal.aborted || !isBrokenOff(error))
            throw explained(error, `s3://${bucket}/${name}`)
        }
      }
    },
  }
}

interface Opened {
  readonly sdk: typeof S3
  readonly client: S3.S3Client
}

async function openClient(endpoint: string | undefined, region: string | undefined): Promise<Opened> {
  const sdk = await loadPackage()
  const known = region ?? (endpoint === undefined ? undefined : ANY_REGION)
  const client = new sdk.S3Client({
    ...(known === undefined ? {} : { region: known }),
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    followRegionRedirects: true,
    maxAttempts: ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECTION_MS,
      requestTimeout: SILENCE_MS,
      throwOnRequestTimeout: true,
      socketTimeout: SILENCE_MS,
    },
  })
  return { sdk, client }
}

/** Optional, since only logs in buckets need it. */
async function loadPackage() {
  try {
    return await import("@aws-sdk/client-s3")
  } catch (cause) {
    throw new GatewayError("config_invalid", {
      detail:
        "logs in S3 need the package @aws-sdk/client-s3, an optional dependency that is not installed here. Install it: npm install --include=optional",
      cause,
    })
  }
}

/** Whether bytes of an answer were missing: no error that the server answered with. */
function isBrokenOff(error: unknown): boolean {
  return error instanceof Error && !("$metadata" in error) && ("code" in error || error.name === "TimeoutError")
}

/** What a vendor's error means for whoever named the bucket. */
function explained(error: unknown, address: string): GatewayError {
  const name = error instanceof Error ? error.name : ""
  const status = (error as { readonly $metadata?: { readonly httpStatusCode?: number } }).$metadata?.httpStatusCode
  const wrong = (detail: string): GatewayError => new GatewayError("config_invalid", { detail, cause: error })
  if (name === "CredentialsProviderError") {
    return wrong(
      `${address}: no AWS credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run it where a role gives them`,
    )
  }
  if (error instanceof Error && error.message === "Region is missing")
    return wrong(`${address}: the bucket's region is missing. Set AWS_REGION`)
  if (name === "NoSuchBucket") return wrong(`${address}: there is no such bucket`)
  if (status === 401 || status === 403) {
    return wrong(
      `${address} may not be read with these credentials: they need s3:ListBucket on the bucket and s3:GetObject on its objects`,
    )
  }
  return new GatewayError("log_unavailable", { detail: `[s3] ${address} can't be read`, cause: error })
}
