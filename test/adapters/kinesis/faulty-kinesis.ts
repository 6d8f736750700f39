import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { onTestFinished } from "vitest"

/** A record as a call brought it. */
export interface GivenRecord {
  readonly Data: string
  readonly PartitionKey: string
}

/** What becomes of one call. */
export type Fate =
  /** Every record is taken but those with an error code. */
  | { readonly kind: "records"; readonly errors: readonly (string | undefined)[] }
  /** Nothing is taken, and the call is refused as a whole. */
  | { readonly kind: "refused"; readonly status: number; readonly type: string }
  /** All is taken, and the answer never comes. */
  | { readonly kind: "silent" }
  /** All is taken, and the connection is cut. */
  | { readonly kind: "cut" }
  /** An answer that says nothing of the records. */
  | { readonly kind: "nonsense" }

export const TAKEN: Fate = { kind: "records", errors: [] }

export interface GivenCall {
  /** From 1. */
  readonly number: number
  readonly records: readonly GivenRecord[]
  readonly accessKeyId: string
  /** When it was signed, epoch milliseconds. */
  readonly signedAt: number
}

/** A server that speaks as Kinesis does to `PutRecords`, and whose faults are those that a test asks for. */
export class FaultyKinesis {
  /** Lines that were taken, in the order in which they were, with repetitions. */
  readonly lines: string[] = []
  readonly calls: GivenCall[] = []
  endpoint = ""
  #sequence = 0n

  private constructor() {}

  static async start(fate: (call: GivenCall) => Fate): Promise<FaultyKinesis> {
    const kinesis = new FaultyKinesis()
    const server = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on("data", (part: Buffer) => parts.push(part))
      request.on("end", () => {
        const { Records: records } = JSON.parse(Buffer.concat(parts).toString()) as { Records: GivenRecord[] }
        const accessKeyId = /Credential=([^/]+)\//.exec(request.headers.authorization ?? "")?.[1] ?? ""
        const [, day = "", time = ""] = /^(.{8})T(.{6})Z$/.exec(String(request.headers["x-amz-date"])) ?? []
        const signedAt = Date.parse(
          `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}T${time.slice(0, 2)}:${time.slice(2, 4)}:${time.slice(4)}Z`,
        )
        const call = { number: kinesis.calls.length + 1, records, accessKeyId, signedAt }
        kinesis.calls.push(call)
        kinesis.#answer(call, fate(call), response)
      })
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    kinesis.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return kinesis
  }

  #answer({ records }: GivenCall, fate: Fate, response: ServerResponse): void {
    response.setHeader("content-type", "application/x-amz-json-1.1")
    switch (fate.kind) {
      case "refused":
        response.statusCode = fate.status
        response.end(
          JSON.stringify({ __type: `com.amazonaws.kinesis.v20131202#${fate.type}`, message: "as asked for" }),
        )
        return
      case "nonsense":
        response.end('{"FailedRecordCount":0,"Records":[]}')
        return
      case "silent":
        this.#take(records)
        return
      case "cut":
        this.#take(records)
        response.destroy()
        return
      case "records": {
        const answers = records.map((record, index) => {
          const error = fate.errors[index]
          if (error !== undefined) return { ErrorCode: error, ErrorMessage: "as asked for" }
          this.#take([record])
          return { SequenceNumber: String((this.#sequence += 1n)), ShardId: "shardId-000000000000" }
        })
        const failed = answers.filter((answer) => "ErrorCode" in answer).length
        response.end(JSON.stringify({ FailedRecordCount: failed, Records: answers }))
      }
    }
  }

  #take(records: readonly GivenRecord[]): void {
    for (const { Data } of records) {
      this.lines.push(
        ...Buffer.from(Data, "base64")
          .toString()
          .split("\n")
          .filter((line) => line !== ""),
      )
    }
  }
}
