import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  type KinesisClientConfig,
  ListShardsCommand,
  type Shard,
} from "@aws-sdk/client-kinesis"
import { GatewayError } from "../../domain/errors.ts"
import { HttpHandler } from "./http-handler.ts"

/** Lines of one shard, in its order, and the place right after them. */
export interface ShardLines {
  readonly shard: string
  /** Without their line feeds. */
  readonly lines: readonly string[]
  /** The sequence number of the last record. */
  readonly end: string
  /** How far behind the shard's newest record these are, milliseconds. */
  readonly behindMs: number
}

export interface StreamReading {
  readonly stream: string
  /** Shards that were read before go on after these sequence numbers, by the shard's id. */
  readonly after?: ReadonlyMap<string, string>
  /** The others begin with what came at this time, epoch milliseconds; absent: with the oldest that the stream has. */
  readonly from?: number | undefined
  /** Whether it goes on with what comes after the time at which it began. */
  readonly follow: boolean
  /** Epoch milliseconds. */
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
  /** Ends the reading. */
  readonly signal?: AbortSignal | undefined
  /** Instead of what the environment says. */
  readonly client?: Pick<KinesisClientConfig, "endpoint" | "region" | "credentials">
}

/** A shard may be asked five times a second, by all who read it. */
const ASK_EVERY_MS = 1_000
const MOST_RECORDS = 10_000
/** Milliseconds that clocks may differ by. */
const CLOCKS_DIFFER_BY = 60_000
const MISTAKES =
  /^(ResourceNotFound|UnrecognizedClient|CredentialsProviderError|InvalidSignature|AccessDenied|ExpiredToken)/

/** A shard that is being read. */
interface OpenShard {
  readonly id: string
  iterator: string | undefined
  after: string | undefined
  /** Nothing newer was there when it was last asked. */
  isAtEnd: boolean
}

/**
 * Reads a stream: what is there when it begins, or on and on. Shards that were split or merged are read before those that they became.
 *
 * @throws GatewayError `config_invalid` where there is no such stream or no right to read it, `log_unavailable` where it can't be read
 */
export async function* readStream(reading: StreamReading): AsyncGenerator<ShardLines> {
  const handler = new HttpHandler(4)
  const client = new KinesisClient({ ...reading.client, maxAttempts: 5, requestHandler: handler })
  try {
    yield* new ShardsReader(client, reading).read()
  } catch (cause) {
    if (reading.signal?.aborted === true) return
    throw translated(reading.stream, cause)
  } finally {
    client.destroy()
  }
}

class ShardsReader {
  readonly #client: KinesisClient
  readonly #reading: StreamReading
  readonly #began: number
  readonly #finished = new Set<string>()
  #open: OpenShard[] = []

  constructor(client: KinesisClient, reading: StreamReading) {
    this.#client = client
    this.#reading = reading
    this.#began = reading.now()
  }

  get #isEnded(): boolean {
    return this.#reading.signal?.aborted === true
  }

  async *read(): AsyncGenerator<ShardLines> {
    const { follow, sleep } = this.#reading
    await this.#findShards()
    while (this.#open.length > 0 && !this.#isEnded) {
      for (const shard of this.#open) {
        if (shard.isAtEnd && !follow) continue
        const read = await this.#readNext(shard)
        if (read !== undefined) yield read
      }
      if (this.#open.some(({ id }) => this.#finished.has(id))) await this.#findShards()
      if (this.#open.every(({ isAtEnd }) => isAtEnd)) {
        if (!follow) return
        await sleep(ASK_EVERY_MS)
      }
    }
  }

  /** @returns undefined where nothing was there now */
  async #readNext(shard: OpenShard): Promise<ShardLines | undefined> {
    shard.iterator ??= await this.#iterator(shard)
    const answer = await this.#ask(shard, shard.iterator)
    if (answer === undefined) return undefined
    const { Records: records = [], NextShardIterator: next, MillisBehindLatest: behindMs = 0 } = answer
    shard.iterator = next
    if (next === undefined) this.#finished.add(shard.id)
    const last = records.at(-1)
    const isNew = (last?.ApproximateArrivalTimestamp?.getTime() ?? 0) >= this.#began
    shard.isAtEnd = next === undefined || (records.length === 0 && behindMs === 0) || (isNew && !this.#reading.follow)
    if (last?.SequenceNumber === undefined) return undefined
    shard.after = last.SequenceNumber
    const lines = records.flatMap(({ Data }) => textOf(Data).split("\n")).filter((line) => line !== "")
    return { shard: shard.id, lines, end: last.SequenceNumber, behindMs }
  }

  /** @returns undefined where the iterator was too old: the next call takes another */
  async #ask(shard: OpenShard, iterator: string) {
    try {
      return await this.#client.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: MOST_RECORDS }))
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "ExpiredIteratorException") throw error
      shard.iterator = undefined
      return undefined
    }
  }

  async #iterator({ id, after }: OpenShard): Promise<string> {
    const { stream, from, now } = this.#reading
    const begin =
      after !== undefined
        ? ({ ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber: after } as const)
        : from !== undefined
          ? ({
              ShardIteratorType: "AT_TIMESTAMP",
              Timestamp: new Date(Math.min(from, now()) - CLOCKS_DIFFER_BY),
            } as const)
          : ({ ShardIteratorType: "TRIM_HORIZON" } as const)
    const { ShardIterator } = await this.#client.send(
      new GetShardIteratorCommand({ StreamName: stream, ShardId: id, ...begin }),
    )
    if (ShardIterator === undefined) throw new Error(`shard ${id} gives no iterator`)
    return ShardIterator
  }

  /** Opens the shards whose parents are finished, or gone from the stream. */
  async #findShards(): Promise<void> {
    const shards = await this.#shards()
    const known = new Set(shards.map(({ ShardId }) => ShardId))
    const isUnread = (id: string | undefined): boolean => id !== undefined && known.has(id) && !this.#finished.has(id)
    const readable = shards.filter(
      ({ ShardId, ParentShardId, AdjacentParentShardId }) =>
        isUnread(ShardId) && !isUnread(ParentShardId) && !isUnread(AdjacentParentShardId),
    )
    this.#open = readable.map(({ ShardId: id = "" }) => {
      const open = this.#open.find((shard) => shard.id === id)
      return open ?? { id, iterator: undefined, after: this.#reading.after?.get(id), isAtEnd: false }
    })
  }

  async #shards(): Promise<Shard[]> {
    const shards: Shard[] = []
    let next: string | undefined
    do {
      const asked = next === undefined ? { StreamName: this.#reading.stream } : { NextToken: next }
      const answer = await this.#client.send(new ListShardsCommand(asked))
      shards.push(...(answer.Shards ?? []))
      next = answer.NextToken
    } while (next !== undefined)
    return shards
  }
}

function textOf(data: Uint8Array | undefined): string {
  return new TextDecoder().decode(data)
}

function translated(stream: string, cause: unknown): GatewayError {
  const { name, message } = cause instanceof Error ? cause : new Error(String(cause))
  const isMistake = MISTAKES.test(name) || message === "Region is missing"
  const hint = isMistake ? ": look at its name, AWS_REGION and the credentials" : ""
  return new GatewayError(isMistake ? "config_invalid" : "log_unavailable", {
    detail: `[kinesis] the stream ${stream} can't be read${hint}`,
    cause,
  })
}
