import { createHmac, hash } from "node:crypto"

/** What AWS knows a caller by. */
export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  /** When they end; undefined for those that don't. */
  readonly expiration?: Date
}

export interface SignedRequest {
  readonly method: string
  /** Made of characters that need no escaping: letters, digits, `-._~/`. */
  readonly path: string
  /** Host and port as the connection names them. */
  readonly host: string
  /** Names in lower case. All of them are signed. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string
}

const ALGORITHM = "AWS4-HMAC-SHA256"
const SERVICE = "sagemaker"

/** Signs requests to the SageMaker runtime of one region (AWS Signature Version 4). The key of a day is made once. */
export class RequestSigner {
  readonly #region: string
  #keyOf = ""
  #key: Buffer = Buffer.alloc(0)

  constructor(region: string) {
    this.#region = region
  }

  /**
   * @param now epoch milliseconds; AWS takes requests that are at most five minutes off
   * @returns the headers and those that sign them, the host left out: the connection adds it
   */
  sign(request: SignedRequest, credentials: Credentials, now: number): Record<string, string> {
    const { method, path, host, body } = request
    const time = new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, "")
    const day = time.slice(0, 8)
    const headers: Record<string, string> = { ...request.headers, "x-amz-date": time }
    if (credentials.sessionToken !== undefined) headers["x-amz-security-token"] = credentials.sessionToken
    const names = [...Object.keys(headers), "host"].sort()
    let canonical = ""
    for (const name of names) canonical += `${name}:${name === "host" ? host : spaced(headers[name] as string)}\n`
    const signedHeaders = names.join(";")
    const canonicalRequest = `${method}\n${path}\n\n${canonical}\n${signedHeaders}\n${hash("sha256", body)}`
    const scope = `${day}/${this.#region}/${SERVICE}/aws4_request`
    const text = `${ALGORITHM}\n${time}\n${scope}\n${hash("sha256", canonicalRequest)}`
    const signature = createHmac("sha256", this.#keyFor(credentials, day)).update(text).digest("hex")
    headers["authorization"] =
      `${ALGORITHM} Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`
    return headers
  }

  #keyFor({ secretAccessKey }: Credentials, day: string): Buffer {
    const of = `${day} ${secretAccessKey}`
    if (of !== this.#keyOf) {
      this.#keyOf = of
      this.#key = [day, this.#region, SERVICE, "aws4_request"].reduce<Buffer>(
        (key, part) => createHmac("sha256", key).update(part).digest(),
        Buffer.from(`AWS4${secretAccessKey}`),
      )
    }
    return this.#key
  }
}

/** A header's value as it is signed: trimmed, spaces in a row as one. */
function spaced(value: string): string {
  return value.trim().replace(/\s+/g, " ")
}
