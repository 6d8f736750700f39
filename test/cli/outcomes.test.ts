import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { createMemoryCounterStore } from "#src/adapters/memory/counter-store.ts"
import { outcomes } from "#src/cli/outcomes.ts"
import { LoggedOutcomes } from "#test/app/logged-outcomes.ts"
import { decisionEvent, rewardEvent } from "#test/outcomes.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"

async function run(...args: readonly string[]) {
  const said = { out: "", err: "" }
  const io = {
    stdout: { write: (text: string) => (said.out += text) },
    stderr: { write: (text: string) => (said.err += text) },
    env: {},
  }
  return { code: await outcomes.run(args, io), ...said }
}

async function served(): Promise<LoggedOutcomes> {
  const gateway = new LoggedOutcomes(temporaryFolder())
  const { decide, reward, recorder } = await gateway.start(createMemoryCounterStore())
  await decide("D1", "D2")
  await reward(rewardEvent({ decisionId: "D1" }))
  await recorder.close()
  return gateway
}

function idsOf(out: string): string[] {
  return out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line).eventId)
}

describe("given the folder of a gateway", () => {
  it("prints every event once, also one that was logged twice, and no damaged line", async () => {
    const gateway = await served()
    gateway.append(decisionEvent({ decisionId: "D1" }), { damaged: true }, decisionEvent({ decisionId: "D3" }))
    const { code, out } = await run("tail", "--data-dir", gateway.folder)
    expect(code).toBe(0)
    expect(idsOf(out)).toEqual(["d-D1", "d-D2", "r-D1-click", "d-D3"])
  })

  it("prints only what was asked for", async () => {
    const { folder } = await served()
    expect(idsOf((await run("tail", "--type", "reward", "--data-dir", folder)).out)).toEqual(["r-D1-click"])
    expect((await run("tail", "--experiment", "another", "--data-dir", folder)).out).toBe("")
  })

  it("goes on from its cursor", async () => {
    const gateway = await served()
    const args = ["tail", "--data-dir", gateway.folder, "--cursor", join(temporaryFolder(), "cursor.json")]
    expect(idsOf((await run(...args)).out)).toHaveLength(3)
    gateway.append(decisionEvent({ decisionId: "D9" }))
    expect(idsOf((await run(...args)).out)).toEqual(["d-D9"])
    expect((await run(...args)).out).toBe("")
  })
})

it.each([
  [[], 'say what to do with the outcomes: "tail" prints them'],
  [["tail", "--type", "click"], "--type must be one of decision, reward, experiment"],
  [["tail", "--data-dir", "/nowhere"], "Name a gateway's data folder with --data-dir"],
])("refuses %j and says what would be right", async (args, message) => {
  const { code, err } = await run(...args)
  expect([code, err.replaceAll("\n", " ")]).toEqual([1, expect.stringContaining(message)])
})
