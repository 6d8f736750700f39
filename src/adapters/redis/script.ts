import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import type { RedisClient } from "./connection.ts"

export type ScriptArgument = string | number | Buffer

/** A script that Redis runs as one step, by the hash of its text. */
export class Script {
  readonly source: string
  readonly hash: string

  /** @param parts names of files in `lua`, put together in this order */
  constructor(...parts: readonly string[]) {
    this.source = parts.map((part) => readFileSync(new URL(`lua/${part}.lua`, import.meta.url), "utf8")).join("\n")
    this.hash = createHash("sha1").update(this.source).digest("hex")
  }

  /** @param keys all keys that it touches, of one slot */
  async run(
    client: RedisClient,
    keys: readonly string[],
    values: readonly ScriptArgument[],
  ): Promise<readonly unknown[]> {
    const answer = await this.#run(client, keys, values)
    if (!Array.isArray(answer)) throw new TypeError("[redis] a script answered no list")
    return answer
  }

  async #run(client: RedisClient, keys: readonly string[], values: readonly ScriptArgument[]): Promise<unknown> {
    try {
      return await client.evalsha(this.hash, keys.length, ...keys, ...values)
    } catch (error) {
      // A server that was started anew, or promoted, doesn't know it yet.
      if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error
      return await client.eval(this.source, keys.length, ...keys, ...values)
    }
  }
}
