import { KinesisClient, type KinesisClientConfig, PutRecordsCommand } from "@aws-sdk/client-kinesis"
import type { Clock } from "../../ports/clock.ts"
import { HttpHandler, type SignedRequest } from "./http-handler.ts"

export interface ConnectionOptions {
  readonly connections: number
  readonly clock: Clock
  /** From a call to its answer, milliseconds. Default ten seconds. */
  readonly answerWithinMs?: number | undefined
  /** Instead of what the environment says. */
  readonly client?: Pick<KinesisClientConfig, "endpoint" | "region" | "credentials">
}

/** What came back, whatever it says. */
export interface RawAnswer {
  readonly statusCode: number
  readonly text: string
}

interface Prepared {
  /** All of a call but its body. */
  readonly request: SignedRequest
  readonly sign: (request: SignedRequest, at: Date) => Promise<SignedRequest>
}

/** A clock that is off by more than this is why a signature is refused. */
const CLOCK_OFF_BY_MS = 240_000

/**
 * Calls `PutRecords` with a body that is ready. The SDK finds region, endpoint and credentials, renews those, and signs; the rest of what it does
 * for a call costs as much processor time as some hundred records.
 */
export class KinesisConnection {
  readonly #client: KinesisClient
  readonly #handler: HttpHandler
  readonly #clock: Clock
  #prepared: Promise<Prepared> | undefined
  /** What the service's clock is ahead of this one. */
  #clockAheadMs = 0

  constructor({ connections, clock, answerWithinMs, client }: ConnectionOptions) {
    this.#clock = clock
    this.#handler = new HttpHandler(connections, answerWithinMs)
    this.#client = new KinesisClient({ ...client, maxAttempts: 1, requestHandler: this.#handler })
  }

  /** @throws what kept it from an answer: no region, no credentials, no connection, no time */
  async putRecords(body: Buffer, signal: AbortSignal): Promise<RawAnswer> {
    this.#prepared ??= prepare(this.#client).catch((error: unknown) => {
      this.#prepared = undefined
      throw error
    })
    const { request, sign } = await this.#prepared
    const now = this.#clock.now()
    const signed = await sign({ ...request, body }, new Date(now + this.#clockAheadMs))
    const { response } = await this.#handler.handle(signed, { abortSignal: signal })
    const { statusCode, headers } = response
    const aheadMs = Date.parse(headers["date"] ?? "") - now
    if (statusCode !== 200 && Math.abs(aheadMs - this.#clockAheadMs) > CLOCK_OFF_BY_MS) this.#clockAheadMs = aheadMs
    return { statusCode, text: await response.body.text() }
  }

  close(): void {
    this.#client.destroy()
  }
}

async function prepare(client: KinesisClient): Promise<Prepared> {
  const command = new PutRecordsCommand({ StreamName: "any", Records: [] })
  let found: SignedRequest | undefined
  // As far as the SDK has made a request by then, it has an endpoint and no body of ours.
  command.middlewareStack.add(
    () =>
      async ({ request }) => {
        found = request as SignedRequest
        return { response: undefined, output: { $metadata: {}, Records: [] } }
      },
    { step: "build", priority: "high", name: "keepRequest" },
  )
  await client.send(command)
  if (found === undefined) throw new Error("the SDK made no request")
  const { method, protocol, hostname, port, path, headers } = found
  const host = port === undefined ? hostname : `${hostname}:${port}`
  const target = headers["x-amz-target"] ?? ""
  const own = { host, "content-type": "application/x-amz-json-1.1", "x-amz-target": target }
  const signer = await client.config.signer()
  return {
    request: { method, protocol, hostname, ...(port === undefined ? {} : { port }), path, headers: own },
    sign: (request, at) => signer.sign(request, { signingDate: at }),
  }
}
