import { connect } from "node:net"

/** One answer as bytes say it. `status` 0: the server closed without one. */
export interface RawAnswer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

export interface Sending {
  /** Sent in order, `pauseMs` apart. */
  readonly chunks: readonly (string | Uint8Array)[]
  readonly pauseMs?: number
  /** How many answers to wait for. Default 1. */
  readonly answers?: number
}

/** Writes bytes to a server on this machine, whatever they are, and reads what comes back until it is whole or the server closes. */
export function exchange(port: number, { chunks, pauseMs = 0, answers = 1 }: Sending): Promise<readonly RawAnswer[]> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    let received = ""
    let next = 0
    const finish = () => {
      socket.destroy()
      resolve(readAnswers(received))
    }
    const sendNext = () => {
      const chunk = chunks[next++]
      if (chunk === undefined || socket.destroyed) return
      socket.write(chunk)
      if (pauseMs > 0) setTimeout(sendNext, pauseMs)
      else sendNext()
    }
    socket.setEncoding("latin1")
    socket.on("connect", sendNext)
    socket.on("data", (text: string) => {
      received += text
      if (readAnswers(received).length >= answers) finish()
    })
    // A server that refuses while we still write resets the connection: what it said before that counts.
    socket.on("error", finish)
    socket.on("close", finish)
  })
}

/** Writes text to a server on this machine, and reads everything that comes back until it closes; nothing where it can't be reached. */
export async function askUntilClosed(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1")
  let answer = ""
  socket.setEncoding("latin1")
  socket.on("data", (part: string) => {
    answer += part
  })
  const closed = Promise.withResolvers<void>()
  socket.on("error", () => socket.destroy())
  socket.on("close", () => closed.resolve())
  socket.write(text)
  await closed.promise
  return answer
}

/** The whole answers at the start of a stream. A 100 Continue is none. */
function readAnswers(text: string): RawAnswer[] {
  const found: RawAnswer[] = []
  let rest = text
  for (;;) {
    const headEnd = rest.indexOf("\r\n\r\n")
    if (headEnd < 0) return found
    const [statusLine = "", ...lines] = rest.slice(0, headEnd).split("\r\n")
    const headers = new Map(lines.map((line) => splitOnce(line, ":")))
    const chunked = headers.get("transfer-encoding") === "chunked"
    const after = rest.slice(headEnd + 4)
    const framed = chunked ? readChunks(after) : readCounted(after, Number(headers.get("content-length") ?? 0))
    if (framed === undefined) return found
    const status = Number(statusLine.split(" ")[1])
    if (status !== 100) found.push({ status, headers, body: framed.body })
    rest = framed.rest
  }
}

function splitOnce(line: string, separator: string): [string, string] {
  const cut = line.indexOf(separator)
  return [line.slice(0, cut).toLowerCase(), line.slice(cut + 1).trim()]
}

type Framed = { readonly body: string; readonly rest: string } | undefined

function readCounted(text: string, length: number): Framed {
  return text.length < length ? undefined : { body: text.slice(0, length), rest: text.slice(length) }
}

function readChunks(text: string): Framed {
  let body = ""
  let rest = text
  for (;;) {
    const cut = rest.indexOf("\r\n")
    const size = Number.parseInt(rest, 16)
    if (cut < 0 || rest.length < cut + size + 4) return undefined
    body += rest.slice(cut + 2, cut + 2 + size)
    rest = rest.slice(cut + size + 4)
    if (size === 0) return { body, rest }
  }
}
