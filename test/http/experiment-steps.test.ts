import { describe, expect, it } from "vitest"
import { at, put, WITHOUT_ID } from "./edited-gateway.ts"
import { createTestGateway, readJson } from "./gateway.ts"

describe("given steps of a life", () => {
  it("starts a draft, pauses, resumes and concludes, each once however often it is asked", async () => {
    const gateway = await createTestGateway()
    await put(gateway, "footer", { ...WITHOUT_ID, status: "draft" })
    const step = async (name: string) => {
      const answer = await gateway.request(`/admin/experiments/footer/${name}`, { method: "POST" })
      return [answer.status, (await readJson(answer))["revision"]]
    }
    const steps = ["start", "start", "pause", "pause", "resume", "resume", "conclude", "conclude"]
    const answers: unknown[] = []
    for (const name of steps) answers.push(await step(name))
    expect(answers).toEqual([2, 2, 3, 3, 4, 4, 5, 5].map((revision) => [200, revision]))
    expect(await step("resume")).toEqual([409, undefined])
  })

  it("honours If-Match, and takes no body", async () => {
    const { edit } = await createTestGateway()
    expect((await edit("POST", "/pause", undefined, at(3))).status).toBe(412)
    expect((await edit("POST", "/rollback", { to: 1 }, { "content-length": "8" })).status).toBe(400)
    expect((await edit("POST", "/pause?reson=x")).status).toBe(400)
  })

  it("promotes a variant: it becomes the control, and everyone gets it", async () => {
    const { edit, postJson } = await createTestGateway()
    expect((await edit("POST", "/promote?variant=nobody")).status).toBe(422)
    expect(await readJson(await edit("POST", "/promote?variant=challenger"))).toMatchObject({ revision: 2 })
    expect(await readJson(await edit("POST", "/promote?variant=challenger"))).toMatchObject({
      revision: 2,
      changes: [],
    })
    const predicted = await readJson(await postJson("/predict", { features: {}, unitId: "u" }))
    expect(predicted).toMatchObject({ variant: "challenger", reason: "paused" })
  })

  it("refuses to run what its schedule has ended", async () => {
    const { edit } = await createTestGateway()
    const past = await edit("PATCH", "", { schedule: { endAt: "2026-11-20T00:00:00Z" } }, at(1))
    expect(await readJson(past)).toMatchObject({ code: "config_invalid", errors: [{ pointer: "/schedule/endAt" }] })
  })
})

describe("given an experiment that is kept in a file", () => {
  it("names the file instead of editing it, but pauses, until it is resumed", async () => {
    const gateway = await createTestGateway()
    gateway.files.set("banner-ctr", "banner.yaml")
    for (const [method, path, document] of [
      ["PUT", "", WITHOUT_ID],
      ["PATCH", "", {}],
      ["DELETE", "", undefined],
      ["POST", "/conclude", undefined],
      ["POST", "/promote?variant=champion", undefined],
      ["POST", "/rollback?to=1", undefined],
    ] as const) {
      const refused = await gateway.edit(method, path, document, { "if-match": "*" })
      expect([path, await readJson(refused)]).toMatchObject([
        path,
        { status: 409, code: "experiment_managed", detail: expect.stringContaining("banner.yaml") },
      ])
    }
    expect(await readJson(await gateway.edit("POST", "/pause"))).toMatchObject({ revision: 2 })
    expect(await readJson(await gateway.edit("POST", "/pause"))).toMatchObject({ revision: 2, changes: [] })
    // The file is written meanwhile.
    await gateway.publish({ description: "edited", status: "running" })
    expect(await readJson(await gateway.request("/admin/experiments/banner-ctr"))).toMatchObject({
      revision: 3,
      status: "paused",
      description: "edited",
    })
    expect(await readJson(await gateway.edit("POST", "/resume"))).toMatchObject({ revision: 4 })
    expect(await readJson(await gateway.request("/admin/experiments/banner-ctr"))).toMatchObject({ status: "running" })
  })

  it("does not resume what the file itself pauses", async () => {
    const gateway = await createTestGateway()
    await gateway.publish({ status: "paused" })
    gateway.files.set("banner-ctr", "banner.yaml")
    expect((await gateway.edit("POST", "/resume")).status).toBe(409)
  })
})
