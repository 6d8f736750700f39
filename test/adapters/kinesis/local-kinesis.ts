import { once } from "node:events"
import type { IncomingMessage, Server } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  KinesisClient,
  SplitShardCommand,
} from "@aws-sdk/client-kinesis"
// @ts-expect-error -- without types
import kinesalite from "kinesalite"
import { onTestFinished } from "vitest"
import { HttpHandler } from "#src/adapters/kinesis/http-handler.ts"

export const STREAM = "outcomes"

/** A local server of the real protocol, with one stream. */
export class LocalKinesis {
  readonly connection: {
    readonly endpoint: string
    readonly region: string
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  }
  readonly #client: KinesisClient

  private constructor(port: number) {
    this.connection = {
      endpoint: `http://127.0.0.1:${port}`,
      region: "eu-west-1",
      credentials: { accessKeyId: "any", secretAccessKey: "any" },
    }
    this.#client = new KinesisClient({ ...this.connection, requestHandler: new HttpHandler(2) })
  }

  static async start(shards = 2): Promise<LocalKinesis> {
    const server = kinesalite({ createStreamMs: 0, updateStreamMs: 0 }) as Server
    // A caller that goes away in the middle is thrown as an error by it.
    server.on("request", (request: IncomingMessage) => request.removeAllListeners("error").on("error", () => {}))
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    const kinesis = new LocalKinesis((server.address() as AddressInfo).port)
    onTestFinished(() => {
      kinesis.#client.destroy()
      server.closeAllConnections()
      server.close()
    })
    await kinesis.#client.send(new CreateStreamCommand({ StreamName: STREAM, ShardCount: shards }))
    await kinesis.#active()
    return kinesis
  }

  /** What the SDK's own variables say of it. */
  get environment(): Readonly<Record<string, string>> {
    const { endpoint, region, credentials } = this.connection
    return {
      AWS_ENDPOINT_URL_KINESIS: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    }
  }

  /** Splits a shard in the middle of its keys. */
  async split(shard: string, key: bigint): Promise<void> {
    await this.#client.send(
      new SplitShardCommand({ StreamName: STREAM, ShardToSplit: shard, NewStartingHashKey: String(key) }),
    )
    await this.#active()
  }

  /** A new stream, or one that changes, takes nothing for a while. */
  async #active(): Promise<void> {
    for (;;) {
      const { StreamDescriptionSummary: summary } = await this.#client.send(
        new DescribeStreamSummaryCommand({ StreamName: STREAM }),
      )
      if (summary?.StreamStatus === "ACTIVE") return
      await sleep(5)
    }
  }
}
