import { readFileSync } from "node:fs"
import type { RedisServer } from "./redis-servers.ts"

/** User and password of the user that docs/redis.md makes, as a URL has them. */
export const DOCUMENTED_LOGIN = "gateway:a-long-secret"

/** What `ACL SETUSER` is given for that user, such as `+hset`. */
export function documentedRights(): readonly string[] {
  const documented = /^ACL SETUSER gateway (.*)$/m.exec(readFileSync("docs/redis.md", "utf8"))?.[1]
  if (documented === undefined) throw new Error("docs/redis.md makes no user")
  return documented.split(" ")
}

/** Makes that user. @param changes rights that it gets or loses besides, such as `-hset` */
export async function makeDocumentedUser({ admin }: RedisServer, ...changes: readonly string[]): Promise<void> {
  await admin.call("ACL", "SETUSER", "gateway", ...documentedRights(), ...changes)
}

/** What users were refused since the server's start, a line each. */
export async function refusals({ admin }: RedisServer): Promise<readonly string[]> {
  const entries = (await admin.call("ACL", "LOG")) as readonly (readonly unknown[])[]
  return entries.map((entry) => entry.slice(0, 10).map(String).join(" "))
}
