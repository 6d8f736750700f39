import { describe, expect, it, onTestFinished } from "vitest"
import { keys } from "#src/cli/keys.ts"
import { parseConfig } from "#src/config.ts"
import { startGateway } from "#src/entry/node.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { capturedIo } from "./captured-io.ts"

const FIRST = "secret-of-the-first"

async function given(environment: Readonly<Record<string, string>> = { API_KEYS: `first:admin:${FIRST}` }) {
  const settings = { PORT: "0", SHUTDOWN_DELAY_SECONDS: "0", LOG_LEVEL: "error", DATA_DIR: temporaryFolder() }
  const gateway = await startGateway(parseConfig({ ...settings, ...environment }))
  onTestFinished(() => gateway.stop())
  const run = async (args: readonly string[], key = FIRST) => {
    const io = capturedIo()
    const env = { GATEWAY_URL: `${gateway.address}/`, GATEWAY_KEY: key }
    const code = await keys.run(args, { ...io, env })
    return { code, out: io.out(), err: io.err() }
  }
  return { run, address: gateway.address }
}

const ADS = ["make", "--name", "ads", "--permissions", "predict+force"]

describe("the command keys", () => {
  it("makes a key, lists it and revokes it", async () => {
    const { run, address } = await given()
    const limits = ["--experiments", "banner-ctr,other", "--requests-per-second", "5.5", "--expires", "2d"]
    const { code, out } = await run([...ADS, ...limits])
    expect([code, out]).toEqual([0, expect.stringMatching(/^bgk_[\w-]{43}\n\nThis is the key [0-9a-f]{16} of ads\. /)])
    const secret = out.split("\n", 1)[0] ?? ""
    const id = /the key ([0-9a-f]{16})/.exec(out)?.[1] ?? ""
    const listed = await run(["list"])
    expect(listed.out).toMatch(
      new RegExp(`^${id} +ads +predict\\+force +banner-ctr,other +5\\.5 +20\\S+ +not yet$`, "m"),
    )
    expect(listed.out).toMatch(/^of API_KEYS +first +admin +all +any +never$/m)
    expect(listed.out).not.toContain(secret.slice(4))
    const json = JSON.parse((await run(["list", "--json"])).out) as { keys: { expiresAt: string }[] }
    const inDays = (Date.parse(json.keys[0]?.expiresAt ?? "") - Date.now()) / 86_400_000
    expect(inDays).toBeGreaterThan(1.99)
    expect(inDays).toBeLessThanOrEqual(2)
    const use = () => fetch(`${address}/predict`, { method: "POST", headers: { authorization: `Bearer ${secret}` } })
    expect((await use()).status).toBe(415)
    expect((await run(["revoke", id])).code).toBe(0)
    expect((await use()).status).toBe(401)
  })

  it("says what the gateway refuses, as the gateway says it", async () => {
    const { run } = await given()
    const wrong = await run(["make", "--name", "a b", "--permissions", "predict+everything"])
    expect(wrong.code).toBe(1)
    expect(wrong.err).toMatch(/\n {2}name must be 1 to 64 letters/)
    expect(wrong.err).toMatch(/\n {2}permissions\/1 must be one of predict, force/)
    expect(await run(["revoke", "5f1d7a84b0c93e26"])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/There is no key/),
    })
    expect(await run(["list"], "")).toMatchObject({ code: 1, err: expect.stringMatching(/into GATEWAY_KEY/) })
    expect(
      await run(["make", "--name", "ads", "--permissions", "predict", "--requests-per-second", "many"]),
    ).toMatchObject({
      code: 1,
      err: expect.stringMatching(/requestsPerSecond must be a number/),
    })
  })

  it("says what to do where keys can't be made", async () => {
    const { run } = await given({})
    expect(await run(ADS)).toMatchObject({ code: 1, err: expect.stringMatching(/API_KEYS=first:admin/) })
  })

  it.each([
    [[], /say what to do: list, make/],
    [["revoke"], /say what to do/],
    [["make"], /needs --name and --permissions/],
    [["list", "--url", "gateway"], /gateway is no address of a gateway/],
    [["list", "--url", "http://127.0.0.1:1"], /no gateway answers at http:\/\/127\.0\.0\.1:1.*\n.*--url/],
  ])("says what is wrong with %j", async (args, expected) => {
    const io = capturedIo()
    expect(await keys.run(args, { ...io, env: {} })).toBe(1)
    expect(io.err()).toMatch(expected)
  })
})
