import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { createServer } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { gzipSync } from "node:zlib"
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3"
import { beforeAll, expect, it, onTestFinished } from "vitest"
import { evaluate } from "#src/cli/evaluate.ts"
import { capturedIo } from "#test/cli/captured-io.ts"
import { logOf } from "#test/cli/simulated-log-folder.ts"
import { pythonTool } from "./python-tool.ts"

const BUCKET = "outcomes-of-tests"
const PATIENCE_MS = 30_000

beforeAll(() => {
  process.env["AWS_ACCESS_KEY_ID"] = "tester"
  process.env["AWS_SECRET_ACCESS_KEY"] = "secret"
})

/** A server that speaks as Amazon S3 does, empty. */
async function startMoto(): Promise<string> {
  const port = await freePort()
  const server = spawn(pythonTool("moto", "moto_server"), ["-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" })
  onTestFinished(async () => {
    server.kill()
    await once(server, "close")
  })
  const address = `http://127.0.0.1:${port}`
  const until = performance.now() + PATIENCE_MS
  while (performance.now() < until) {
    try {
      await fetch(address)
      return address
    } catch {
      // Not listening yet.
      await sleep(100)
    }
  }
  throw new Error(`moto_server did not listen within ${PATIENCE_MS} ms`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}

async function evaluated(log: string, endpoint?: string) {
  const io = { ...capturedIo(), env: { AWS_ENDPOINT_URL_S3: endpoint } }
  const code = await evaluate.run(["--log", log, "--experiment", "simulated", "--json"], io)
  return { code, answer: io.out() }
}

it("evaluates what a delivery stream left in a bucket as it does the same lines on disk", async () => {
  const endpoint = await startMoto()
  const client = new S3Client({ endpoint, forcePathStyle: true, region: "us-east-1" })
  onTestFinished(() => client.destroy())
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }))
  const log = logOf()
  const lines = readFileSync(join(log, "outcomes-00000001.ndjson"), "utf8").trimEnd().split("\n")
  const third = Math.ceil(lines.length / 3)
  const parts = [0, 1, 2].map((part) => `${lines.slice(part * third, (part + 1) * third).join("\n")}\n`)
  const [first = "", second = "", last = ""] = parts
  const objects = {
    "stream/2026/11/20/12/outcomes-1-2026-11-20-12-00-00-0a1b": first,
    "stream/2026/11/20/13/outcomes-1-2026-11-20-13-00-00-2c3d.gz": gzipSync(second),
    // A stream that is told so compresses and leaves the name as it is. What it delivers twice counts once.
    "stream/2026/11/20/14/outcomes-1-2026-11-20-14-00-00-4e5f": Buffer.concat([gzipSync(last), gzipSync(first)]),
    "stream/2026/11/20/15/empty": Buffer.alloc(0),
    "elsewhere/2026/11/20/12/outcomes-1": "no outcome",
  }
  for (const [Key, Body] of Object.entries(objects))
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body }))

  const fromBucket = await evaluated(`s3://${BUCKET}/stream/`, endpoint)
  expect(fromBucket.code).toBe(0)
  expect(JSON.parse(fromBucket.answer)).toEqual(JSON.parse((await evaluated(log)).answer))

  await expect(evaluated(`s3://${BUCKET}/elsewhere/`, endpoint)).rejects.toThrow(
    `s3://${BUCKET}/elsewhere/: no outcomes there`,
  )
  await expect(evaluated("s3://no-such-bucket/", endpoint)).rejects.toThrow("there is no such bucket")
})
