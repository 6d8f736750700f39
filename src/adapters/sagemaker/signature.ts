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
const BLOCK_BYTES = 64
const DIGEST_BYTES = 32

/** Signs requests to the SageMaker runtime of one region (AWS Signature Version 4). The key of a day is made once, and so is what a second's requests have alike. */
export class RequestSigner {
  readonly #region: string
  #second = Number.NaN
  #time = ""
  #keyOf = ""
  #mac: (text: string) => string = () => ""
  /** The names of the last request's headers, as they came and in order. */
  #names = ""
  #sorted: readonly string[] = []
  #signedHeaders = ""

  constructor(region: string) {
    this.#region = region
  }

  /**
   * @param now epoch milliseconds; AWS takes requests that are at most five minutes off
   * @returns the headers and those that sign them, the host left out: the connection adds it
   */
  sign(request: SignedRequest, credentials: Credentials, now: number): Record<string, string> {
    const { method, path, host, body } = request
    const time = this.#timeOf(now)
    const day = time.slice(0, 8)
    const headers: Record<string, string> = { ...request.headers, "x-amz-date": time }
    if (credentials.sessionToken !== undefined) headers["x-amz-security-token"] = credentials.sessionToken
    this.#sort(headers)
    let canonical = ""
    for (const name of this.#sorted) {
      canonical += `${name}:${name === "host" ? host : spaced(headers[name] as string)}\n`
    }
    const canonicalRequest = `${method}\n${path}\n\n${canonical}\n${this.#signedHeaders}\n${hash("sha256", body)}`
    const scope = `${day}/${this.#region}/${SERVICE}/aws4_request`
    const text = `${ALGORITHM}\n${time}\n${scope}\n${hash("sha256", canonicalRequest)}`
    const signature = this.#macFor(credentials, day)(text)
    headers["authorization"] =
      `${ALGORITHM} Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${this.#signedHeaders}, Signature=${signature}`
    return headers
  }

  /** As AWS writes it, to the second. */
  #timeOf(now: number): string {
    const second = Math.floor(now / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#time = new Date(second * 1000).toISOString().replace(/[:-]|\.\d{3}/g, "")
    }
    return this.#time
  }

  #sort(headers: Readonly<Record<string, string>>): void {
    const given = Object.keys(headers)
    const names = given.join()
    if (names === this.#names) return
    this.#names = names
    this.#sorted = [...given, "host"].sort()
    this.#signedHeaders = this.#sorted.join(";")
  }

  #macFor({ secretAccessKey }: Credentials, day: string): (text: string) => string {
    const of = `${day} ${secretAccessKey}`
    if (of !== this.#keyOf) {
      this.#keyOf = of
      const key = [day, this.#region, SERVICE, "aws4_request"].reduce<Buffer>(
        (made, part) => createHmac("sha256", made).update(part).digest(),
        Buffer.from(`AWS4${secretAccessKey}`),
      )
      this.#mac = hexMac(key)
    }
    return this.#mac
  }
}

/**
 * HMAC-SHA-256 (RFC 2104) of texts in ASCII, in hexadecimal digits: two digests over padded keys cost less than an `Hmac` object.
 *
 * @param key 32 bytes
 */
function hexMac(key: Uint8Array): (text: string) => string {
  const padded = (pad: number) => Buffer.from(Uint8Array.from({ length: BLOCK_BYTES }, (_, i) => (key[i] ?? 0) ^ pad))
  const inner = padded(0x36).toString("latin1")
  const outer = Buffer.concat([padded(0x5c), Buffer.alloc(DIGEST_BYTES)])
  return (text) => {
    outer.write(hash("sha256", Buffer.from(inner + text, "latin1"), "latin1"), BLOCK_BYTES, "latin1")
    return hash("sha256", outer)
  }
}

/** A header's value as it is signed: trimmed, spaces in a row as one. */
function spaced(value: string): string {
  return /\s/.test(value) ? value.trim().replace(/\s+/g, " ") : value
}
