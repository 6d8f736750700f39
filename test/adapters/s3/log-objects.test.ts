import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest"
import { createS3LogObjects } from "#src/adapters/s3/log-objects.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const CREDENTIALS = {
  AWS_ACCESS_KEY_ID: "tester",
  AWS_SECRET_ACCESS_KEY: "secret",
  AWS_EC2_METADATA_DISABLED: "true",
  AWS_CONFIG_FILE: "/nowhere/config",
  AWS_SHARED_CREDENTIALS_FILE: "/nowhere/credentials",
}
const before = { ...process.env }
const { signal } = new AbortController()

beforeEach(() => void Object.assign(process.env, CREDENTIALS))
afterEach(() => {
  for (const name of Object.keys(CREDENTIALS)) delete process.env[name]
  Object.assign(process.env, before)
})

/** A server that answers as it is told, and the bucket `logs` on it. */
async function bucketThat(answer: Answer) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? "")
    answer(request, response)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  onTestFinished(() => void server.close())
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { asked, objects: createS3LogObjects({ bucket: "logs", prefix: "outcomes/", endpoint }) }
}

function refusing(status: number, code: string): Answer {
  return (_, response) => void response.writeHead(status).end(`<Error><Code>${code}</Code></Error>`)
}

function page(names: readonly string[], next?: string): string {
  const contents = names.map((name) => `<Contents><Key>${name}</Key><Size>5</Size></Contents>`).join("")
  const more = next === undefined ? "" : `<NextContinuationToken>${next}</NextContinuationToken>`
  return `<ListBucketResult><IsTruncated>${next !== undefined}</IsTruncated>${more}${contents}</ListBucketResult>`
}

describe("given a bucket", () => {
  it("lists all pages of the objects whose names begin so", async () => {
    const { asked, objects } = await bucketThat(({ url = "" }, response) => {
      response.end(url.includes("continuation-token=2") ? page(["outcomes/b"]) : page(["outcomes/a"], "2"))
    })
    expect(await objects.list(signal)).toEqual([
      { name: "outcomes/a", bytes: 5 },
      { name: "outcomes/b", bytes: 5 },
    ])
    expect(asked[0]).toMatch(/^\/logs\/?\?.*prefix=outcomes%2F/)
  })

  it("asks again for an object whose answer breaks off, and keeps none of the first part", async () => {
    const { asked, objects } = await bucketThat((_, response) => {
      response.writeHead(200, { "content-length": "5" })
      if (asked.length > 1) response.end("whole")
      else response.write("who", () => response.destroy())
    })
    const file = join(temporaryFolder(), "object")
    await objects.fetch({ name: "outcomes/a b", bytes: 5 }, file, signal)
    expect(readFileSync(file, "utf8")).toBe("whole")
    expect(asked.map((url) => url.split("?")[0])).toEqual(["/logs/outcomes/a%20b", "/logs/outcomes/a%20b"])
  })
})

describe("given a mistake", () => {
  it.each([
    [refusing(404, "NoSuchBucket"), "config_invalid", "s3://logs/outcomes/: there is no such bucket"],
    [refusing(403, "AccessDenied"), "config_invalid", "they need s3:ListBucket on the bucket and s3:GetObject"],
    [refusing(400, "Strange"), "log_unavailable", "[s3] s3://logs/outcomes/ can't be read"],
  ])("says what would be right (%#)", async (answer, code, message) => {
    const { objects } = await bucketThat(answer)
    await expect(objects.list(signal)).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
  })

  it("says how credentials are given where there are none", async () => {
    delete process.env["AWS_ACCESS_KEY_ID"]
    const { objects, asked } = await bucketThat(refusing(500, "never"))
    await expect(objects.list(signal)).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining("no AWS credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    })
    expect(asked).toEqual([])
  })

  it("says that the region is missing", async () => {
    const objects = createS3LogObjects({ bucket: "logs", prefix: "" })
    await expect(objects.list(signal)).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining("Set AWS_REGION"),
    })
  })
})
