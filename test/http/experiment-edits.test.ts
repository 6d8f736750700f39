import { describe, expect, it } from "vitest"
import { parse } from "yaml"
import { at, NEW, put, revisionOf, WITHOUT_ID } from "./edited-gateway.ts"
import { bannerDocument, createTestGateway, readJson } from "./gateway.ts"
import { mismatch } from "./published-schema.ts"

describe("PUT /admin/experiments/{id}", () => {
  it("creates an experiment that serves at once", async () => {
    const gateway = await createTestGateway()
    const created = await put(gateway, "footer", WITHOUT_ID)
    expect([created.status, created.headers.get("etag")]).toEqual([201, '"1"'])
    const body = await readJson(created)
    expect(mismatch("ExperimentEdit", body)).toBeUndefined()
    expect(body).toMatchObject({
      experiment: "footer",
      revision: 1,
      dryRun: false,
      changes: [{ path: "", before: null }],
    })
    const predicted = await gateway.postJson("/predict/footer", { features: { hour: "14102100" } })
    expect(await readJson(predicted)).toMatchObject({ experiment: "footer", revision: 1 })
  })

  it("takes YAML, and gives it back", async () => {
    const gateway = await createTestGateway()
    const body =
      "id: footer\nvariants: [{ id: champion, backend: { kind: embedded, model: a } }]\ncontrol: champion\npolicy: { kind: static }\n"
    const headers = { "content-type": "application/yaml", ...NEW }
    expect((await gateway.request("/admin/experiments/footer", { method: "PUT", headers, body })).status).toBe(201)
    const read = await gateway.request("/admin/experiments/footer", { headers: { accept: "application/yaml" } })
    expect(read.headers.get("etag")).toBe('"1-yaml"')
    const text = await read.text()
    expect(text).toMatch(/^# revision 1\nid: footer\n/)
    expect(parse(text)).toMatchObject({ id: "footer", policy: { kind: "static", minPropensity: 0 } })
    const edited = { method: "PUT", headers: { "content-type": "application/yaml", ...at("1-yaml") }, body: text }
    expect(await readJson(await gateway.request("/admin/experiments/footer", edited))).toMatchObject({
      revision: 1,
      changes: [],
    })
    const broken = {
      method: "PUT",
      headers: { "content-type": "application/yaml", ...at("1-yaml") },
      body: `${text}polcy: 1\n`,
    }
    expect(await readJson(await gateway.request("/admin/experiments/footer", broken))).toMatchObject({
      code: "config_invalid",
      errors: [
        { pointer: "/polcy", detail: expect.stringMatching(/^line \d+: unknown field "polcy"; did you mean "policy"/) },
      ],
    })
  })

  it("asks which revision was seen, and refuses what is stale", async () => {
    const gateway = await createTestGateway()
    const statusOf = async (id: string, headers: Record<string, string>) =>
      (await put(gateway, id, WITHOUT_ID, headers)).status
    expect(await statusOf("banner-ctr", {})).toBe(428)
    expect(await statusOf("banner-ctr", NEW)).toBe(412)
    expect(await statusOf("banner-ctr", at(2))).toBe(412)
    expect(await statusOf("banner-ctr", { "if-match": 'W/"1"' })).toBe(412)
    expect(await statusOf("banner-ctr", { "if-none-match": '"1"' })).toBe(400)
    expect(await statusOf("banner-ctr", { "if-match": '"9", "1-yaml"' })).toBe(200)
    expect(await statusOf("footer", {})).toBe(428)
    expect(await statusOf("footer", at(1))).toBe(412)
    expect(await statusOf("footer", { "if-match": "*" })).toBe(412)
    expect(await statusOf("Footer", NEW)).toBe(404)
  })

  it("takes a document back as it was read, and no other number of a revision", async () => {
    const gateway = await createTestGateway()
    const read = await readJson(await gateway.request("/admin/experiments/banner-ctr"))
    const edited = await put(gateway, "banner-ctr", { ...read, holdout: 0.1 }, at(1))
    expect(await readJson(edited)).toMatchObject({ revision: 2, changes: [{ path: "holdout", before: 0, after: 0.1 }] })
    const again = await put(gateway, "banner-ctr", { ...read, holdout: 0.2 }, at(2))
    expect(await readJson(again)).toMatchObject({ code: "config_invalid", errors: [{ pointer: "/revision" }] })
    const other = await put(gateway, "banner-ctr", { ...WITHOUT_ID, id: "other" }, at(2))
    expect(await readJson(other)).toMatchObject({
      errors: [{ pointer: "/id", detail: expect.stringContaining("must be banner-ctr") }],
    })
  })

  it.each<[string, unknown, string]>([
    [
      "a negative weight",
      { variants: [{ id: "a", weight: -1, backend: { kind: "embedded", model: "a" } }], control: "a" },
      "/variants/0/weight",
    ],
    [
      "weights that are all 0",
      { variants: [{ id: "champion", weight: 0, backend: { kind: "embedded", model: "a" } }] },
      "/variants",
    ],
    [
      "1,001 variants",
      {
        variants: Array.from({ length: 1001 }, (__, i) => ({ id: `v${i}`, backend: { kind: "embedded", model: "a" } })),
      },
      "/variants",
    ],
    [
      "ids that differ by case",
      { variants: ["champion", "Champion"].map((id) => ({ id, backend: { kind: "embedded", model: "a" } })) },
      "/variants/1/id",
    ],
    [
      "the id __proto__",
      { variants: [{ id: "__proto__", backend: { kind: "embedded", model: "a" } }], control: "__proto__" },
      "/variants/0/id",
    ],
    [
      "a model that isn't there",
      { variants: [{ id: "champion", backend: { kind: "embedded", model: "missing" } }] },
      "/variants/0/backend",
    ],
    ["counters of its own", { counters: { champion: 5 } }, "/counters"],
    ["who created it", { createdBy: "me" }, "/createdBy"],
    [
      "an end before its start",
      { schedule: { startAt: "2026-12-02T00:00:00Z", endAt: "2026-12-01T00:00:00Z" } },
      "/schedule",
    ],
    ["a time without its zone", { schedule: { startAt: "2026-12-02T00:00:00" } }, "/schedule/startAt"],
  ])("refuses %s, and changes nothing", async (__, changes, pointer) => {
    const gateway = await createTestGateway()
    const refused = await put(gateway, "banner-ctr", { ...WITHOUT_ID, ...(changes as object) }, at(1))
    expect(refused.status).toBe(422)
    const problem = await readJson(refused)
    expect(problem).toMatchObject({ code: "config_invalid" })
    expect(problem["errors"]).toContainEqual({ pointer, detail: expect.any(String) })
    expect(await revisionOf(gateway)).toBe(1)
  })

  it("refuses a document that is too large, and one that isn't an object", async () => {
    const gateway = await createTestGateway()
    expect((await put(gateway, "banner-ctr", { description: "x".repeat(1 << 20) }, at(1))).status).toBe(413)
    expect((await put(gateway, "banner-ctr", [], at(1))).status).toBe(400)
  })

  it("stores strange text as it is, and answers it as JSON", async () => {
    const gateway = await createTestGateway()
    const description = '=cmd() <script>alert(1)</script> \u001b[31m \n{"level":"info"}'
    expect((await put(gateway, "banner-ctr", { ...WITHOUT_ID, description }, at(1))).status).toBe(200)
    expect(await readJson(await gateway.request("/admin/experiments/banner-ctr"))).toMatchObject({ description })
  })
})

describe("PATCH /admin/experiments/{id}", () => {
  it("merges members, takes null away and replaces lists", async () => {
    const gateway = await createTestGateway()
    const first = await gateway.edit("PATCH", "", { policy: { minPropensity: 0.1 }, logFeatures: ["hour"] }, at(1))
    expect(await readJson(first)).toMatchObject({
      revision: 2,
      changes: [
        { path: "policy.minPropensity", before: 0.02, after: 0.1 },
        { path: "logFeatures", before: [], after: ["hour"] },
      ],
    })
    const second = await gateway.edit("PATCH", "", { policy: { minPropensity: null }, logFeatures: ["site_id"] }, at(2))
    expect(await readJson(second)).toMatchObject({
      changes: [
        { path: "policy.minPropensity", before: 0.1, after: 0 },
        { path: "logFeatures", before: ["hour"], after: ["site_id"] },
      ],
    })
  })

  it("takes only a merge patch, of an experiment that there is", async () => {
    const { request } = await createTestGateway()
    const patch = (id: string, mediaType: string) =>
      request(`/admin/experiments/${id}`, {
        method: "PATCH",
        headers: { "content-type": mediaType, "if-match": "*" },
        body: "{}",
      })
    expect((await patch("banner-ctr", "application/json")).status).toBe(415)
    expect((await patch("unknown", "application/merge-patch+json")).status).toBe(404)
  })
})

describe("given a dry run", () => {
  it("answers what would change and changes nothing", async () => {
    const gateway = await createTestGateway()
    for (let i = 0; i < 4; i++)
      await gateway.request(`/reward?d=${await gateway.decide({ variant: undefined, unitId: `u${i}` })}`)
    await gateway.rewards()
    const challenger = { id: "challenger", backend: { kind: "embedded", model: "c" } }
    const third = { id: "third", backend: { kind: "embedded", model: "a" } }
    const variants = [bannerDocument().variants[0], challenger, third]
    const answer = await gateway.edit(
      "PATCH",
      "?dryRun=true",
      { variants, policy: { minPropensity: 0 }, memory: { kind: "window", seconds: 60 } },
      at(1),
    )
    const body = await readJson(answer)
    expect(mismatch("ExperimentEdit", body)).toBeUndefined()
    expect(body).toMatchObject({
      dryRun: true,
      revision: 1,
      changes: [
        { path: "variants.challenger.backend.model", before: "b", after: "c" },
        { path: "variants.third", before: null, after: { id: "third" } },
        { path: "policy.minPropensity" },
        { path: "memory.kind" },
        { path: "memory.seconds", before: null, after: 60 },
      ],
      series: [
        { variant: "champion", before: 1, after: 1, why: "kept" },
        { variant: "challenger", before: 1, after: 2, why: "backend_changed" },
        { variant: "third", before: 0, after: 1, why: "new_variant" },
      ],
      beginsEpoch: true,
      warnings: [{ pointer: "/policy/minPropensity" }, { pointer: "/memory/seconds" }],
    })
    const { before, after } = body["allocation"] as Record<string, Record<string, number>>
    expect(Object.keys(before ?? {})).toEqual(["champion", "challenger"])
    expect(Object.values(after ?? {}).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9)
    expect(await revisionOf(gateway)).toBe(1)
    expect((await gateway.audit.read({ limit: 10 })).length).toBe(1)
  })

  it("says so where nothing was ever reported under the metric, and where counters can't be read", async () => {
    const gateway = await createTestGateway()
    for (let i = 0; i < 100; i++) await gateway.decide({ unitId: `u${i}` })
    await gateway.rewards()
    const ask = async () => await readJson(await gateway.edit("PATCH", "?dryRun=true", { holdout: 0.1 }, at(1)))
    expect(await ask()).toMatchObject({
      warnings: [{ pointer: "/reward/metric", detail: expect.stringContaining("100 decisions") }],
    })
    gateway.store.state = "refuses"
    expect(await ask()).toMatchObject({ warnings: [], allocation: { before: null, after: null } })
  })
})

describe("given wishes about statistics", () => {
  const other = [bannerDocument().variants[0], { id: "challenger", backend: { kind: "embedded", model: "c" } }]

  it("keeps a series in spite of another model, or begins one anew, and records why", async () => {
    const gateway = await createTestGateway()
    const kept = await gateway.edit(
      "PATCH",
      "?keep=challenger&reason=same%20model%2C%20renamed",
      { variants: other },
      at(1),
    )
    expect(await readJson(kept)).toMatchObject({ series: [{ why: "kept" }, { after: 1, why: "kept_on_request" }] })
    const reset = await gateway.edit("PATCH", "?reset=all&reason=a%20bug", {}, at(2))
    expect(await readJson(reset)).toMatchObject({
      revision: 3,
      changes: [],
      series: [
        { after: 2, why: "reset" },
        { after: 2, why: "reset" },
      ],
    })
    const history = await readJson(await gateway.request("/admin/experiments/banner-ctr/history"))
    expect(mismatch("ExperimentHistory", history)).toBeUndefined()
    expect(history["revisions"]).toMatchObject([
      { revision: 3, reason: "a bug", diff: ["series.champion: 1 -> 2 (reset)", "series.challenger: 1 -> 2 (reset)"] },
      { revision: 2, reason: "same model, renamed", series: { challenger: 1 } },
      { revision: 1, actor: "test" },
    ])
  })

  it.each([
    ["without a reason", "?reset=all", {}],
    ["of a variant that has no statistics", "?reset=nobody&reason=x", {}],
    [
      "to keep what is counted in other units now",
      "?keep=all&reason=x",
      { reward: { kind: "value", bounds: [0, 0.5] } },
    ],
  ])("refuses one %s", async (__, query, patch) => {
    const gateway = await createTestGateway()
    const refused = await gateway.edit("PATCH", query, patch, at(1))
    expect(await readJson(refused)).toMatchObject({ status: 422, code: "validation_failed" })
    expect(await revisionOf(gateway)).toBe(1)
  })
})

describe("GET /admin/experiments", () => {
  it("filters, and gives pages by id", async () => {
    const gateway = await createTestGateway()
    await put(gateway, "aside", { ...WITHOUT_ID, status: "draft", description: "Beside the News" })
    await put(gateway, "footer", { ...WITHOUT_ID, policy: { kind: "static" } })
    const ids = async (query: string) => {
      const page = await readJson(await gateway.request(`/admin/experiments${query}`))
      return [(page["experiments"] as { id: string }[]).map(({ id }) => id), page["nextCursor"]]
    }
    expect(await ids("")).toEqual([["aside", "banner-ctr", "footer"], undefined])
    expect(await ids("?status=draft,paused")).toEqual([["aside"], undefined])
    expect(await ids("?policy=static")).toEqual([["footer"], undefined])
    expect(await ids("?contains=the%20news")).toEqual([["aside"], undefined])
    expect(await ids("?limit=2")).toEqual([["aside", "banner-ctr"], "banner-ctr"])
    expect(await ids("?limit=2&cursor=banner-ctr")).toEqual([["footer"], undefined])
    for (const query of ["?status=gone", "?limit=0", "?stauts=draft"]) {
      expect((await gateway.request(`/admin/experiments${query}`)).status).toBe(400)
    }
  })

  it("answers 304 to whoever has the document already", async () => {
    const { request } = await createTestGateway()
    const ask = async (headers: Record<string, string>) =>
      (await request("/admin/experiments/banner-ctr", { headers })).status
    expect(await ask({ "if-none-match": '"1"' })).toBe(304)
    expect(await ask({ "if-none-match": '"1"', accept: "application/yaml" })).toBe(200)
    expect(await ask({ "if-none-match": '"2"' })).toBe(200)
  })
})

describe("given fifty editors at once", () => {
  it("lets exactly one win each race, and loses no edit", async () => {
    const gateway = await createTestGateway()
    for (let race = 1; race <= 4; race++) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (__, i) => gateway.edit("PATCH", "", { description: `${race} by ${i}` }, at(race))),
      )
      const statuses = answers.map(({ status }) => status)
      expect(statuses.filter((status) => status === 200)).toHaveLength(1)
      expect(statuses.filter((status) => status === 412)).toHaveLength(49)
      const winner = statuses.indexOf(200)
      expect(await readJson(await gateway.request("/admin/experiments/banner-ctr"))).toMatchObject({
        revision: race + 1,
        description: `${race} by ${winner}`,
      })
    }
  })
})

it("publishes the schema of documents where editors find it", async () => {
  const { request } = await createTestGateway()
  const answer = await request("/schemas/experiment.json")
  expect(answer.headers.get("content-type")).toBe("application/schema+json")
  expect(await readJson(answer)).toMatchObject({ type: "object", required: ["id", "variants", "control", "policy"] })
})
