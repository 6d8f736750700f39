import { describe, expect, it } from "vitest"
import { GatewayError } from "#src/domain/errors.ts"
import { at, put, revisionOf, WITHOUT_ID } from "./edited-gateway.ts"
import { createTestGateway, readJson } from "./gateway.ts"
import { mismatch } from "./published-schema.ts"

describe("given a history", () => {
  it("goes back to the document before, or to any, in one call", async () => {
    const gateway = await createTestGateway()
    await gateway.edit("PATCH", "", { description: "two" }, at(1))
    await gateway.edit("PATCH", "", { description: "three" }, at(2))
    expect(await readJson(await gateway.edit("POST", "/rollback?reason=too%20many%20errors"))).toMatchObject({
      revision: 4,
    })
    expect(await readJson(await gateway.request("/admin/experiments/banner-ctr"))).toMatchObject({ description: "two" })
    await gateway.edit("POST", "/rollback?to=1")
    const read = await gateway.request("/admin/experiments/banner-ctr/history/3")
    expect([read.headers.get("etag"), (await readJson(read))["description"]]).toEqual(['"3"', "three"])
    const diff = await readJson(await gateway.request("/admin/experiments/banner-ctr/diff?from=3&to=5"))
    expect(mismatch("ExperimentDiff", diff)).toBeUndefined()
    expect(diff).toMatchObject({ changes: [{ path: "description", before: "three", after: "" }], series: [] })
    const newest = await readJson(await gateway.request("/admin/experiments/banner-ctr/diff"))
    expect(newest).toMatchObject({ from: 4, to: 5 })
    expect(await readJson(await gateway.edit("POST", "/rollback?to=9"))).toMatchObject({ code: "validation_failed" })
    expect((await gateway.request("/admin/experiments/banner-ctr/history/9")).status).toBe(404)
  })

  it("is told in pages, newest first", async () => {
    const gateway = await createTestGateway()
    for (let i = 1; i < 5; i++) await gateway.edit("PATCH", "", { description: `${i}` }, at(i))
    const numbers: unknown[] = []
    let cursor = ""
    do {
      const page = await readJson(await gateway.request(`/admin/experiments/banner-ctr/history?limit=2${cursor}`))
      numbers.push((page["revisions"] as { revision: number }[]).map(({ revision }) => revision))
      cursor = page["nextCursor"] === undefined ? "" : `&cursor=${page["nextCursor"] as string}`
    } while (cursor !== "")
    expect(numbers).toEqual([[5, 4], [3, 2], [1]])
    expect((await gateway.request("/admin/experiments/unknown/history")).status).toBe(404)
  })

  it("goes on after a deletion", async () => {
    const gateway = await createTestGateway()
    expect((await gateway.edit("DELETE", "", undefined)).status).toBe(428)
    const removed = await gateway.edit("DELETE", "?reason=over", undefined, at(1))
    expect([removed.status, (await readJson(removed))["revision"]]).toEqual([200, 2])
    expect((await gateway.request("/admin/experiments/banner-ctr")).status).toBe(404)
    expect((await gateway.edit("PATCH", "", {}, at(2))).status).toBe(404)
    const again = await put(gateway, "banner-ctr", WITHOUT_ID)
    expect([again.status, (await readJson(again))["revision"]]).toEqual([201, 3])
  })
})

describe("the audit trail", () => {
  it("tells of changes and refused attempts, newest first", async () => {
    const gateway = await createTestGateway()
    await gateway.edit("PATCH", "?reason=why%20not", { holdout: 0.1 }, at(1))
    await gateway.edit("PATCH", "", { holdout: 0.2 }, at(1))
    const page = await readJson(await gateway.request("/admin/audit?limit=2"))
    expect(mismatch("AuditPage", page)).toBeUndefined()
    expect(page["lines"]).toMatchObject([
      {
        seq: 3,
        actor: "anybody",
        action: "patchExperiment",
        subject: "banner-ctr",
        outcome: "refused",
        code: "precondition_failed",
      },
      {
        seq: 2,
        action: "experiment.publish",
        outcome: "done",
        revision: 2,
        diff: ["holdout: 0 -> 0.1"],
        reason: "why not",
      },
    ])
    const rest = await readJson(await gateway.request(`/admin/audit?cursor=${page["nextCursor"] as string}`))
    expect(rest["lines"]).toMatchObject([{ seq: 1, actor: "test" }])
    expect((await readJson(await gateway.request("/admin/audit?actor=test")))["lines"]).toHaveLength(1)
    const heads = (await gateway.logged()).filter((line) => line.includes('"type":"audit"'))
    expect(JSON.parse(heads.at(-1) ?? "")).toMatchObject({ seq: 3, hash: expect.stringMatching(/^[0-9a-f]{64}$/) })
  })

  it("holds up every change while it can't be written", async () => {
    const refusal = new GatewayError("audit_unavailable", { detail: "told to" })
    const gateway = await createTestGateway({ auditRefuses: () => refusal })
    expect((await gateway.edit("PATCH", "", { holdout: 0.1 }, at(1))).status).toBe(503)
    expect(await revisionOf(gateway)).toBe(1)
  })
})
