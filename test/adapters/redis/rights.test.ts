import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it, onTestFinished } from "vitest"
import { connect, untilReady } from "#src/adapters/redis/connection.ts"
import { missingRights, TRIED } from "#src/adapters/redis/rights.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { documentedRights, makeDocumentedUser } from "./documented-user.ts"
import { addressOf, startRedis } from "./redis-servers.ts"

const LUA = "src/adapters/redis/lua"
/** Needed before a script can run, to read what a server keeps, or to find a cluster's masters: their loss shows by itself. */
const NOT_TRIED = ["evalsha", "eval", "multi", "exec", "subscribe", "info", "config|get", "client|setname"]
const CONNECTING = ["cluster|info", "cluster|slots", "cluster|shards", "readonly", "hello", "auth", "ping"]

const tried = TRIED.map((text) => text.split(" ")[0] ?? "").toSorted()

it("tries what docs/redis.md lists, and what scripts call", () => {
  const listed = documentedRights().flatMap((right) => (right.startsWith("+") ? [right.slice(1)] : []))
  expect(listed.toSorted()).toEqual([...tried, ...NOT_TRIED, ...CONNECTING].toSorted())
  const sources = readdirSync(LUA).map((file) => readFileSync(join(LUA, file), "utf8"))
  const called = sources.flatMap((source) =>
    [...source.matchAll(/redis\.p?call\('(\w+)'/g)].map(([, name = ""]) => name),
  )
  expect(called.length).toBeGreaterThan(20)
  expect(tried).toEqual(expect.arrayContaining(called.map((name) => name.toLowerCase())))
})

it("names each right that a user lacks, and leaves nothing behind", async () => {
  const server = await startRedis()
  onTestFinished(() => server.stop())
  await makeDocumentedUser(server)
  const address = { ...addressOf(server), username: "gateway", password: "a-long-secret" }
  const client = connect(address, 5_000, createRememberingLogger())
  onTestFinished(() => client.disconnect())
  expect(await untilReady(client, 5_000)).toBe(true)
  expect(await missingRights(client)).toEqual([])
  for (const name of tried) {
    await server.admin.call("ACL", "SETUSER", "gateway", `-${name}`)
    expect(await missingRights(client)).toEqual([name])
    await server.admin.call("ACL", "SETUSER", "gateway", `+${name}`)
    expect(await server.admin.dbsize()).toBe(0)
  }
  await server.admin.call("ACL", "SETUSER", "gateway", "-eval", "-evalsha")
  expect(await missingRights(client)).toEqual(["evalsha"])
  await server.admin.call("ACL", "SETUSER", "gateway", "+eval", "+evalsha", "resetkeys", "~other:*")
  expect(await missingRights(client)).toEqual(["~bandit:*"])
})
