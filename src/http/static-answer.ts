import type { Answer, Call } from "./call.ts"

/** A text as each content coding that clients ask for. */
export interface Compressed {
  readonly br: Uint8Array
  readonly gzip: Uint8Array
}

/** Compresses off the serving thread. A runtime whose platform compresses answers by itself has none. */
export type Compress = (bytes: Uint8Array) => Promise<Compressed>

/** What there is to say, made once. */
export interface StaticContent {
  readonly text: string
  readonly headers: Readonly<Record<string, string>>
}

type Coding = "br" | "gzip" | "identity"

interface Prepared {
  readonly headers: Readonly<Record<string, string>>
  readonly bodies: Readonly<Partial<Record<Coding, Uint8Array>>>
  readonly tag: string
}

/** Codings in the order of preference among those that a client likes equally. */
const PREFERRED: readonly Coding[] = ["br", "gzip", "identity"]

/**
 * An answer that stays the same while the process lives: made at the first request and kept as bytes that all connections share, so that peers who
 * don't read them cost nothing but their connection. Compressed where the client asks; tagged, so that a client that has it is told so.
 */
export class StaticAnswer {
  readonly #make: () => StaticContent | Promise<StaticContent>
  readonly #compress: Compress | undefined
  #preparing: Promise<Prepared> | undefined
  #prepared: Prepared | undefined

  constructor(make: () => StaticContent | Promise<StaticContent>, compress: Compress | undefined) {
    this.#make = make
    this.#compress = compress
  }

  answer(call: Call): Answer | Promise<Answer> {
    if (this.#prepared !== undefined) return respond(call, this.#prepared)
    this.#preparing ??= this.#prepare().then(
      (prepared) => {
        this.#prepared = prepared
        return prepared
      },
      (error: unknown) => {
        this.#preparing = undefined
        throw error
      },
    )
    return this.#preparing.then((prepared) => respond(call, prepared))
  }

  async #prepare(): Promise<Prepared> {
    const { text, headers } = await this.#make()
    const identity = new TextEncoder().encode(text)
    const compressed = await this.#compress?.(identity)
    const digest = await crypto.subtle.digest("SHA-256", identity)
    const tag = btoa(String.fromCharCode(...new Uint8Array(digest, 0, 12)))
    return { headers, bodies: { identity, ...compressed }, tag }
  }
}

function respond(call: Call, { headers, bodies, tag }: Prepared): Answer {
  const coding = chooseCoding(call.header("accept-encoding"), bodies)
  const etag = `"${tag}${coding === "identity" ? "" : `-${coding}`}"`
  const all = {
    ...headers,
    "cache-control": "no-cache",
    vary: "accept-encoding",
    etag,
    ...(coding === "identity" ? {} : { "content-encoding": coding }),
  }
  const known = call.header("if-none-match")
  if (known !== undefined && matches(known, etag)) return { status: 304, headers: all, body: null }
  return { status: 200, headers: all, body: bodies[coding] as Uint8Array }
}

/** RFC 9110 section 13.1.2: any of a list, compared weakly. */
function matches(header: string, etag: string): boolean {
  return header.split(",").some((one) => {
    const candidate = one.trim()
    return candidate === "*" || candidate.replace(/^W\//, "") === etag
  })
}

/** RFC 9110 section 12.5.3: the coding that the client likes best, ours among equals. What it did not name it doesn't get compressed. */
function chooseCoding(header: string | undefined, bodies: Prepared["bodies"]): Coding {
  if (header === undefined) return "identity"
  const weights = new Map<string, number>()
  for (const part of header.toLowerCase().split(",")) {
    const [name = "", ...parameters] = part.split(";").map((one) => one.trim())
    const weight = parameters.find((one) => one.startsWith("q="))
    weights.set(name, weight === undefined ? 1 : Number(weight.slice(2)))
  }
  let best: Coding = "identity"
  let bestWeight = 0
  for (const coding of PREFERRED) {
    const weight = weights.get(coding) ?? (coding === "identity" ? 0 : (weights.get("*") ?? 0))
    if (bodies[coding] !== undefined && weight > bestWeight) {
      best = coding
      bestWeight = weight
    }
  }
  return best
}
