import * as z from "zod"
import type { Io } from "./command.ts"
import { Refusal } from "./refusal.ts"

const DEFAULT_URL = "http://127.0.0.1:8080"
const ANSWER_WITHIN_MS = 10_000

/** What every command that talks to a running gateway says of it in its help. */
export const GATEWAY_HELP = `  --url URL     where the gateway is; default: GATEWAY_URL, or ${DEFAULT_URL}

The key that is sent is in GATEWAY_KEY. As an argument everybody on the
machine could read it.`

const problem = z.object({
  title: z.string(),
  detail: z.string().optional(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
})

/** A gateway could not do what it was asked to, and it isn't the user's mistake. */
export class GatewayFailure extends Error {}

/** The HTTP API of a running gateway, for commands. */
export class GatewayApi {
  readonly #url: string
  readonly #key: string | undefined

  /** @param url as the user gave it; undefined: from the environment. @throws Refusal where it is no address */
  constructor(url: string | undefined, { env }: Pick<Io, "env">) {
    this.#url = (url ?? env["GATEWAY_URL"] ?? DEFAULT_URL).replace(/\/$/, "")
    if (!/^https?:$/.test(URL.parse(this.#url)?.protocol ?? "")) {
      throw new Refusal(`${this.#url} is no address of a gateway. It looks like ${DEFAULT_URL}`)
    }
    this.#key = env["GATEWAY_KEY"] || undefined
  }

  /**
   * @returns the answer's JSON; undefined where it has none
   * @throws Refusal as the gateway refuses, and where no gateway answers; GatewayFailure where it fails
   */
  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await this.#send(method, path, body)
    const text = await response.text()
    const answer: unknown = text === "" ? undefined : parsed(text)
    if (response.ok) return answer
    const sentence = `${method} ${path}: ${describe(answer, response.status)}`
    if (response.status >= 500) throw new GatewayFailure(sentence)
    const hint = response.status === 401 ? "\nPut a key that may do this into GATEWAY_KEY." : ""
    throw new Refusal(`${sentence}${hint}`)
  }

  async #send(method: string, path: string, body: unknown): Promise<Response> {
    try {
      return await fetch(`${this.#url}${path}`, {
        method,
        headers: {
          ...(this.#key === undefined ? {} : { authorization: `Bearer ${this.#key}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      })
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : ""
      throw new Refusal(
        `no gateway answers at ${this.#url}${cause}\nStart one with npm start, or say with --url where it is.`,
      )
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A problem document as lines for people. */
function describe(answer: unknown, status: number): string {
  const read = problem.safeParse(answer)
  if (!read.success) return `answered ${status}, which no gateway says. Is it one?`
  const { title, detail, errors = [] } = read.data
  const first = detail === undefined ? title : `${title}. ${detail}`
  return [
    first,
    ...errors.map(({ pointer, detail: wrong }) => `  ${pointer.slice(1) || "the document"} ${wrong}`),
  ].join("\n")
}
