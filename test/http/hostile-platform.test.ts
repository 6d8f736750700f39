import { type AddressInfo, connect } from "node:net"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createNodeServer } from "#src/entry/node-server.ts"
import { createTestGateway } from "./gateway.ts"
import { expectIntactPrototype, MARKS, soon, titleOf } from "./hostile.ts"
import { exchange, type RawAnswer } from "./raw-exchange.ts"

interface RawInput {
  readonly row: number
  readonly what: string
  readonly bytes: (mark: string) => string | Uint8Array
  readonly status: number
  readonly slug: string
}

const HOST = "Host: gateway\r\n"
const BODY = '{"features":{"a":"1"}}'
const length = (text: string) => `Content-Length: ${text.length}\r\n`

const get = (headers: (mark: string) => string) => (mark: string) => `GET /healthz HTTP/1.1\r\n${headers(mark)}\r\n`
const post =
  (headers: string, body: (mark: string) => string = () => BODY) =>
  (mark: string) =>
    `POST /predict HTTP/1.1\r\n${HOST}Content-Type: application/json\r\n${headers}\r\n${body(mark)}`

const bad = { status: 400, slug: "bad-request" } as const
const tooLarge = { status: 413, slug: "payload-too-large" } as const
const manyHeaders = { status: 431, slug: "headers-too-large" } as const
const longUrl = { status: 414, slug: "uri-too-long" } as const
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
const CHUNKED = "Transfer-Encoding: chunked\r\n"

const INPUTS: readonly RawInput[] = [
  { row: 1, what: "no Host", bytes: get((mark) => `X-Mark: ${mark}\r\n`), ...bad },
  { row: 1, what: "an empty Host", bytes: get(() => "Host:\r\n"), ...bad },
  ...["a b", "a/b", "a@b", "a:", "a:123456", "[::1", "a,b", "é", "a\\b", "%61"].map((host) => ({
    row: 1,
    what: `the Host ${host}`,
    bytes: get(() => `Host: ${host}\r\n`),
    ...bad,
  })),
  { row: 2, what: "two Hosts", bytes: get((mark) => `${HOST}Host: ${mark}\r\n`), ...bad },
  { row: 2, what: "two Hosts that agree", bytes: get(() => HOST + HOST.toLowerCase()), ...bad },
  { row: 3, what: "a length and chunks", bytes: post(length(BODY) + CHUNKED), ...bad },
  { row: 3, what: "chunks and a length", bytes: post(CHUNKED + length(BODY)), ...bad },
  { row: 3, what: "two lengths", bytes: post(length(BODY) + length("")), ...bad },
  { row: 3, what: "two lengths that agree", bytes: post(length(BODY).repeat(2)), ...bad },
  ...["-1", "1e3", "+22", "0x16", "22, 22", "99999999999999999999"].map((value) => ({
    row: 3,
    what: `the length ${value}`,
    bytes: post(`Content-Length: ${value}\r\n`),
    ...bad,
  })),
  { row: 4, what: "chunks in chunks", bytes: post("Transfer-Encoding: chunked, chunked\r\n"), ...bad },
  { row: 4, what: "an unknown transfer coding", bytes: post("Transfer-Encoding: xchunked\r\n"), ...bad },
  ...["gzip, chunked", "identity, chunked", "chunked2, Chunked"].map((coding) => ({
    row: 4,
    what: `the transfer coding ${coding}`,
    bytes: post(`Transfer-Encoding: ${coding}\r\n`, () => "0\r\n\r\n"),
    status: 501,
    slug: "transfer-coding-unsupported",
  })),
  {
    row: 4,
    what: "two transfer codings in two headers",
    bytes: post(`Transfer-Encoding: gzip\r\n${CHUNKED}`, () => "0\r\n\r\n"),
    status: 501,
    slug: "transfer-coding-unsupported",
  },
  {
    row: 4,
    what: "chunks under HTTP/1.0",
    bytes: () => `POST /predict HTTP/1.0\r\n${HOST}Content-Type: application/json\r\n${CHUNKED}\r\n0\r\n\r\n`,
    ...bad,
  },
  { row: 4, what: "a chunk without a size", bytes: post(CHUNKED, (mark) => `${mark}\r\n{}\r\n0\r\n\r\n`), ...bad },
  { row: 4, what: "a negative chunk", bytes: post(CHUNKED, () => "-2\r\n{}\r\n0\r\n\r\n"), ...bad },
  {
    row: 5,
    what: "a chunk extension of 20 KB",
    bytes: post(CHUNKED, (mark) => `2;${mark.padEnd(20_000, "x")}\r\n{}\r\n0\r\n\r\n`),
    ...tooLarge,
  },
  { row: 6, what: "bare line feeds", bytes: (mark) => `GET /healthz HTTP/1.1\nHost: ${mark}\n\n`, ...bad },
  { row: 6, what: "a NUL in a header", bytes: get((mark) => `${HOST}X: ${mark}\0\r\n`), ...bad },
  { row: 6, what: "a CR in a header", bytes: get((mark) => `${HOST}X: a\r${mark}\r\n`), ...bad },
  { row: 6, what: "a folded header", bytes: get((mark) => `${HOST}X: a\r\n ${mark}\r\n`), ...bad },
  { row: 6, what: "a space before a colon", bytes: get((mark) => `${HOST}X : ${mark}\r\n`), ...bad },
  {
    row: 7,
    what: "a header of 17 KB",
    bytes: get((mark) => `${HOST}X: ${mark.padEnd(17_000, "x")}\r\n`),
    ...manyHeaders,
  },
  { row: 7, what: "a header of 9 KB", bytes: get((mark) => `${HOST}X: ${mark.padEnd(9000, "x")}\r\n`), ...manyHeaders },
  { row: 8, what: "2,500 headers", bytes: get(() => HOST + "x: 1\r\n".repeat(2500)), ...manyHeaders },
  { row: 8, what: "101 headers", bytes: get(() => HOST + "x: 1\r\n".repeat(100)), ...manyHeaders },
  {
    row: 9,
    what: "a URL of 20 KB",
    bytes: (mark) => `GET /${mark.padEnd(20_000, "x")} HTTP/1.1\r\n${HOST}\r\n`,
    ...longUrl,
  },
  {
    row: 9,
    what: "a URL of 5 KB",
    bytes: (mark) => `GET /${mark.padEnd(5000, "x")} HTTP/1.1\r\n${HOST}\r\n`,
    ...longUrl,
  },
  {
    row: 10,
    what: "HTTP/2.0 in a request line",
    bytes: () => `GET /healthz HTTP/2.0\r\n${HOST}\r\n`,
    status: 505,
    slug: "http-version-unsupported",
  },
  ...["*", "healthz", "gateway:80", "ftp://gateway/healthz", "http://", "http://a b/"].map((target) => ({
    row: 10,
    what: `the target ${target}`,
    bytes: () => `GET ${target} HTTP/1.1\r\n${HOST}\r\n`,
    ...bad,
  })),
  { row: 10, what: "a backslash in a path", bytes: () => `GET /\\evil HTTP/1.1\r\n${HOST}\r\n`, ...bad },
  {
    row: 11,
    what: "OPTIONS for everything",
    bytes: () => `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`,
    status: 405,
    slug: "method-not-allowed",
  },
  {
    row: 11,
    what: "TRACE",
    bytes: () => `TRACE /healthz HTTP/1.1\r\n${HOST}\r\n`,
    status: 405,
    slug: "method-not-allowed",
  },
  {
    row: 11,
    what: "CONNECT",
    bytes: (mark) => `CONNECT ${mark}:80 HTTP/1.1\r\n${HOST}\r\n`,
    status: 405,
    slug: "method-not-allowed",
  },
  { row: 11, what: "an unknown verb", bytes: () => `BREW /healthz HTTP/1.1\r\n${HOST}\r\n`, ...bad },
  {
    row: 12,
    what: "a verb that a path lacks",
    bytes: () => `DELETE /predict HTTP/1.1\r\n${HOST}\r\n`,
    status: 405,
    slug: "method-not-allowed",
  },
  {
    row: 13,
    what: "an expectation",
    bytes: get((mark) => `${HOST}Expect: ${mark}\r\n`),
    status: 417,
    slug: "expectation-failed",
  },
  { row: 14, what: "a TLS hello", bytes: () => Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3), ...bad },
  { row: 14, what: "the preface of HTTP/2", bytes: () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ...bad },
  { row: 27, what: "65,537 bytes", bytes: post(length(" ".repeat(65_537)), () => " ".repeat(65_537)), ...tooLarge },
  { row: 27, what: "65,537 bytes announced", bytes: post("Content-Length: 65537\r\n", () => ""), ...tooLarge },
  {
    row: 28,
    what: "70 KB in one chunk",
    bytes: post(CHUNKED, (mark) => `${chunk(mark.padEnd(70_000))}0\r\n\r\n`),
    ...tooLarge,
  },
  {
    row: 28,
    what: "chunks without an end",
    bytes: post(CHUNKED, (mark) => chunk(mark.padEnd(1000)).repeat(70)),
    ...tooLarge,
  },
]

describe("given a server on a port", async () => {
  const gateway = await createTestGateway()
  const server = createNodeServer(gateway.application)
  let port = 0

  beforeAll(async () => {
    await new Promise<void>((settle) => server.listen(0, "127.0.0.1", settle))
    port = (server.address() as AddressInfo).port
  })

  afterAll(async () => {
    server.closeAllConnections()
    await new Promise((settle) => server.close(settle))
  })

  async function send(...chunks: (string | Uint8Array)[]): Promise<RawAnswer> {
    const [answer] = await exchange(port, { chunks })
    if (answer === undefined) throw new Error("closed without an answer")
    return answer
  }

  it.each(INPUTS.map((input) => [titleOf(input), input] as const))("%s", async (_title, { bytes, status, slug }) => {
    const answers: RawAnswer[] = []
    for (const mark of MARKS) answers.push(await soon(send(bytes(mark))))
    const [first, second] = answers
    expect(first?.status).toBe(status)
    expect(first?.body).toBe(second?.body)
    expect(first?.headers.get("content-type")).toBe("application/problem+json")
    const problem: unknown = JSON.parse(first?.body ?? "")
    expect(problem).toMatchObject({ type: `/problems/${slug}`, status, code: slug.replaceAll("-", "_") })
    expect(first?.headers.has("allow")).toBe(status === 405)
    expectIntactPrototype()
    expect((await send(get(() => HOST)(""))).status).toBe(200)
  })

  it("10: a request without a version gets a 400", async () => {
    expect((await soon(send("GET /healthz\r\n\r\n"))).status).toBe(400)
  })

  it("1: HTTP/1.0, which health checks speak, needs no Host", async () => {
    for (const path of ["/healthz", "/readyz", "/healthcheck"]) {
      const answer = await soon(send(`GET ${path} HTTP/1.0\r\n\r\n`))
      expect([path, answer.status, answer.headers.get("connection")]).toEqual([path, 200, "close"])
    }
    expect((await send(`GET http://gateway/healthz HTTP/1.1\r\n${HOST}\r\n`)).status).toBe(200)
  })

  it.each([
    ["a header that grows in later packets", ["GET /healthz HTTP/1.1\r\n", `${HOST}X: `, "x".repeat(9000)], 431],
    ["a header after a URL of 3 KB", [`GET /${"x".repeat(3000)} HTTP/1.1\r\n`, HOST, `X: ${"x".repeat(7000)}`], 431],
    [
      "the end of a URL in its own packet",
      [`GET /${"x".repeat(8000)}`, `${"x".repeat(1000)} HTTP/1.1\r\n${HOST}`],
      414,
    ],
    ["a URL of 5 KB and a header of 9 KB", [`GET /${"x".repeat(5000)} HTTP/1.1\r\n${HOST}X: ${"x".repeat(9000)}`], 414],
  ])("7, 9: says what grew too long: %s", async (_what, chunks, status) => {
    const [answer] = await exchange(port, { chunks, pauseMs: 50 })
    expect(answer?.status).toBe(status)
  })

  it("3, 16: what can't be read after good requests is refused after their answers", async () => {
    const good = get(() => HOST)("")
    const slow = post(length(BODY))("")
    const statuses = async (text: string) =>
      (await exchange(port, { chunks: [text], answers: 4 })).map(({ status }) => status)
    expect(await statuses(`${good}${slow}${good}NONSENSE\r\n\r\n`)).toEqual([200, 200, 200, 400])
    const [first, second] = await exchange(port, {
      chunks: [good, "BREW / HTTP/1.1\r\n\r\n"],
      pauseMs: 100,
      answers: 2,
    })
    expect([first?.status, second?.status]).toEqual([200, 400])
  })

  it("15, 29: headers and bodies that drip or stop are given up on", async () => {
    const answers = await Promise.all([
      exchange(port, { chunks: ["GET /healthz HTTP/1.1\r\n", ...Array<string>(40).fill("x: 1\r\n")], pauseMs: 100 }),
      exchange(port, { chunks: [post("Content-Length: 100\r\n")(""), ...Array<string>(40).fill(" ")], pauseMs: 100 }),
      exchange(port, { chunks: [post("Content-Length: 10\r\n", () => '{"a":')("")] }),
    ])
    expect(answers.flat().map(({ status }) => status)).toEqual([408, 408, 408])
  })

  it("16: a request hidden in the body of another is body", async () => {
    const hidden = "GET /admin/experiments HTTP/1.1\r\nHost: gateway\r\n\r\n"
    const answers = await exchange(port, { chunks: [post(length(BODY + hidden), () => BODY + hidden)("")] })
    expect(answers.map(({ status }) => status)).toEqual([400])
    expect(answers[0]?.body).not.toMatch(/banner/)
  })

  it("16: a request after the body of another is answered on its own", async () => {
    const second = "GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n"
    const answers = await exchange(port, { chunks: [post(length(BODY), () => BODY + second)("")], answers: 2 })
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(answers[1]?.body).toBe('{"status":"ok"}')
  })

  it("a peer that has said all it had to say, and closed its side, gets every answer", async () => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true })
    socket.end(post(length(BODY))("").repeat(3))
    const parts: string[] = []
    socket.setEncoding("latin1")
    for await (const part of socket) parts.push(String(part))
    expect(parts.join("").match(/HTTP\/1\.1 \d+/g)).toEqual(Array(3).fill("HTTP/1.1 200"))
    expect(parts.join("").match(/"decisionId":/g)).toHaveLength(3)
  })

  it("takes as many headers, as long a URL and as large a body as it says", async () => {
    expect((await send(get(() => HOST + "x: 1\r\n".repeat(99))(""))).status).toBe(200)
    expect((await send(`GET /healthz?${"x".repeat(4000)} HTTP/1.1\r\n${HOST}\r\n`)).status).toBe(200)
    expect((await send(post("Content-Length: 65536\r\n", () => BODY.padEnd(65_536))(""))).status).toBe(200)
    expect(
      (await send(post(CHUNKED, () => `${chunk(BODY.slice(0, 5))}${chunk(BODY.slice(5))}0\r\n\r\n`)(""))).status,
    ).toBe(200)
    expect((await send(post(`${length(BODY)}Expect: 100-continue\r\n`)(""))).status).toBe(200)
  })
})

describe("given a server with keys", () => {
  const key = { name: "ad-server", permissions: ["predict"], secret: "secret-of-an-ad-server" }

  it("16, 17: each request needs its own key, wherever it says it comes from", async () => {
    const { application } = await createTestGateway({ apiKeys: [key] })
    const server = createNodeServer(application)
    await new Promise<void>((settle) => server.listen(0, "127.0.0.1", settle))
    const authorized = `${length(BODY)}Authorization: Bearer ${key.secret}\r\n`
    const { port } = server.address() as AddressInfo
    const pipelined = post(authorized, () => BODY + post(length(BODY))(""))("")
    const answers = await exchange(port, { chunks: [pipelined], answers: 2 })
    expect(answers.map(({ status }) => status)).toEqual([200, 401])
    for (const forwarded of [
      "X-Forwarded-For: 127.0.0.1, ::1\r\n",
      "Forwarded: for=127.0.0.1\r\n",
      "X-Real-IP: ::1\r\n",
    ]) {
      const [answer] = await exchange(port, { chunks: [post(length(BODY) + forwarded)("")] })
      expect(answer?.status).toBe(401)
    }
    server.closeAllConnections()
    await new Promise((settle) => server.close(settle))
  })
})
