/** The least that a Kinesis stream can do with `PutRecords`: read it whole and say of every record that it is taken. */
import { createServer } from "node:http"

const MOST_RECORDS = 500
const TAKEN = JSON.stringify({ SequenceNumber: "4".repeat(56), ShardId: "shardId-000000000000" })
/** By the number of records. */
const ANSWERS = Array.from(
  { length: MOST_RECORDS + 1 },
  (_, count) => `{"FailedRecordCount":0,"Records":[${Array.from({ length: count }, () => TAKEN).join(",")}]}`,
)
const KEY = '"PartitionKey"'

createServer((request, response) => {
  const parts: Buffer[] = []
  request.on("data", (part: Buffer) => parts.push(part))
  request.on("end", () => {
    const body = Buffer.concat(parts)
    let records = 0
    for (let at = body.indexOf(KEY); at >= 0; at = body.indexOf(KEY, at + KEY.length)) records += 1
    response.setHeader("content-type", "application/x-amz-json-1.1")
    response.end(ANSWERS[records])
  })
}).listen(Number(process.argv[2]), "127.0.0.1")
