import { describe, expect, it } from "vitest"
import { createTestGateway, readJson } from "./gateway.ts"
import { expectRefused } from "./hostile.ts"

/** A gateway and a token of it that has not been rewarded. */
async function createTarget() {
  const gateway = await createTestGateway()
  return { ...gateway, token: await gateway.decide() }
}

/** Rows of the hostile inputs that are about how often a reward counts. */
describe("a reward", () => {
  it("59: counts once however often it comes, one after the other", async () => {
    const target = await createTarget()
    const statuses = new Map<unknown, number>()
    for (let i = 0; i < 1000; i++) {
      const { status } = await readJson(await target.request(`/reward?d=${target.token}`))
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    expect(Object.fromEntries(statuses)).toEqual({ applied: 1, duplicate: 999 })
    expect(await target.rewards()).toBe(1)
  })

  it("59: counts once however often it comes, all at once", async () => {
    const target = await createTarget()
    const answers = await Promise.all(
      Array.from({ length: 1000 }, async (_, i) => {
        if (i % 2 === 0) return await readJson(await target.request(`/reward?d=${target.token}`))
        return await readJson(await target.postJson("/reward", { decision: target.token }))
      }),
    )
    expect(answers.filter(({ status }) => status === "applied")).toHaveLength(1)
    expect(answers.filter(({ status }) => status === "duplicate")).toHaveLength(999)
    expect(await target.rewards()).toBe(1)
  })

  it("60: keeps its first value", async () => {
    const target = await createTarget()
    expect(await readJson(await target.request(`/reward?d=${target.token}&v=1`))).toMatchObject({ status: "applied" })
    expect(await readJson(await target.request(`/reward?d=${target.token}&v=0`))).toMatchObject({ status: "duplicate" })
    const { variants } = await readJson(await target.request("/admin/experiments/banner-ctr/stats"))
    expect(variants).toEqual(expect.arrayContaining([expect.objectContaining({ rewards: 1, sum: 1 })]))
  })

  it("lets the click that follows a lone zero count: nothing yet is no outcome", async () => {
    const target = await createTarget()
    const answers = []
    for (const value of [0, 0, 1, 1, 0]) {
      const { status } = await readJson(await target.request(`/reward?d=${target.token}&v=${value}`))
      answers.push(status)
    }
    expect(answers).toEqual(["applied", "duplicate", "applied", "duplicate", "duplicate"])
    const { variants } = await readJson(await target.request("/admin/experiments/banner-ctr/stats"))
    expect(variants).toEqual(expect.arrayContaining([expect.objectContaining({ rewards: 1, sum: 1 })]))
  })

  it.each([
    ["a list", (items: readonly unknown[]) => [JSON.stringify(items), "application/json"]],
    [
      "lines",
      (items: readonly unknown[]) => [items.map((item) => JSON.stringify(item)).join("\n"), "application/x-ndjson"],
    ],
  ] as const)("69: is answered item by item in %s", async (_name, write) => {
    const target = await createTarget()
    const items = [{ decision: target.token }, { decision: "v1.forged" }, 7, null, { decision: "x", value: "1" }, {}]
    const [text = "", mediaType = ""] = write(items)
    const response = await target.request("/reward", {
      method: "POST",
      headers: { "content-type": mediaType },
      body: text,
    })
    expect(response.status).toBe(207)
    const { results } = await readJson(response)
    const codes = ["token_invalid", "token_malformed", "token_malformed", "reward_out_of_range", "token_malformed"]
    expect(results).toEqual([
      expect.objectContaining({ status: "applied" }),
      ...codes.map((code) => expect.objectContaining({ code, type: expect.stringMatching(/^\/problems\//) })),
    ])
    expect(await target.rewards()).toBe(1)
  })

  it("70: is a duplicate the second time in one batch", async () => {
    const target = await createTarget()
    const response = await target.postJson("/reward", [{ decision: target.token }, { decision: target.token }])
    expect(response.status).toBe(200)
    const { results } = await readJson(response)
    expect(results).toMatchObject([{ status: "applied" }, { status: "duplicate" }])
  })

  it("73: is never answered with success while it can't be made durable", async () => {
    const target = await createTarget()
    target.disk.full = true
    for (const send of [
      () => target.request(`/reward?d=${target.token}`),
      () => target.request(`/reward.gif?d=${target.token}`),
      () => target.postJson("/reward", { decision: target.token }),
      () => target.postJson("/reward", [{ decision: target.token }, { decision: target.token }]),
    ]) {
      const response = await send()
      expect(response.headers.get("retry-after")).toBe("1")
      await expectRefused(response, 503, "log-unavailable")
    }
    target.disk.full = false
    expect((await target.request(`/reward?d=${target.token}`)).status).toBe(200)
    expect(await target.rewards()).toBe(1)
  })

  it("73: is accepted while it is durable and the counters are away, and counted when they are back", async () => {
    const target = await createTarget()
    target.store.state = "refuses"
    const response = await target.request(`/reward?d=${target.token}`)
    expect(response.status).toBe(202)
    expect(await readJson(response)).toMatchObject({ status: "accepted" })
    target.store.state = "open"
    expect(await target.rewards()).toBe(1)
  })
})
