import { describe, expect, it } from "vitest"
import { type ErrorCode, GatewayError } from "#src/domain/errors.ts"
import { PROBLEM_CODES } from "#src/http/contract/problem-codes.ts"
import { PROBLEMS, problemSlug, toProblem } from "#src/http/problem.ts"
import { createTestGateway, type GatewayOptions, readJson, type TestGateway } from "./gateway.ts"
import { mismatch } from "./published-schema.ts"

const FEATURES = { hour: "14102100", banner_pos: "0" }
const JSON_HEADERS = { "content-type": "application/json" }
const KEYED: GatewayOptions = {
  apiKeys: [{ name: "reader", permissions: ["view"], secret: "secret-of-a-reader" }],
}

type Produce = (gateway: TestGateway) => Promise<Response>

/** How to get each problem from the app. */
const PRODUCERS: Readonly<Partial<Record<ErrorCode, Produce>>> = {
  bad_request: ({ request }) => request("/reward?redirect=x"),
  invalid_json: ({ request }) => request("/predict", { method: "POST", headers: JSON_HEADERS, body: "{" }),
  validation_failed: ({ postJson }) => postJson("/predict", { experiment: "banner-ctr" }),
  not_an_object: ({ postJson }) => postJson("/predict", []),
  not_found: ({ request }) => request("/nowhere"),
  experiment_not_found: ({ postJson }) => postJson("/predict/unknown", { features: FEATURES }),
  experiment_gone: async ({ decide, publisher, publish, request }) => {
    const token = await decide()
    await publisher.remove((await publish()).id, { actor: "test", source: "api" })
    return await request(`/reward?d=${token}`)
  },
  revision_not_served: async ({ request }) => {
    const ahead = await createTestGateway()
    await ahead.publish({ description: "edited" })
    return await request(`/reward?d=${await ahead.decide()}`)
  },
  keys_not_managed: ({ postJson }) => postJson("/admin/keys", { name: "ads", permissions: ["predict"] }),
  method_not_allowed: ({ request }) => request("/predict"),
  not_acceptable: ({ postJson }) => postJson("/predict", { features: FEATURES }, { accept: "text/html" }),
  origin_not_allowed: ({ request }) =>
    request("/reward", {
      method: "OPTIONS",
      headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
    }),
  payload_too_large: ({ postJson }) => postJson("/predict", { features: { x: "x".repeat(70_000) } }),
  uri_too_long: ({ request }) => request(`/healthz?${"x".repeat(5000)}`),
  unsupported_media_type: ({ request }) => request("/predict", { method: "POST", body: "{}" }),
  unsupported_encoding: ({ postJson }) => postJson("/predict", {}, { "content-encoding": "gzip" }),
  features_invalid: async ({ publish, postJson }) => {
    await publish({ variants: [{ id: "champion", backend: { kind: "embedded", model: "ctr-raw" } }] })
    return await postJson("/predict", { features: { hour: "14139999" } })
  },
  token_malformed: ({ request }) => request("/reward?d=${TOKEN}"),
  token_invalid: ({ request }) => request("/reward?d=v1.k1.x"),
  token_expired: async ({ decide, clock, request }) => {
    const token = await decide()
    clock.advance(2 * 3600 + 0.001)
    return await request(`/reward?d=${token}`)
  },
  reward_out_of_range: async ({ decide, request }) => await request(`/reward?d=${await decide()}&v=1.5`),
  reward_out_of_window: async ({ decide, clock, request }) => {
    const token = await decide()
    clock.advance(3600 + 0.001)
    return await request(`/reward?d=${token}`)
  },
  backend_failed: async ({ models, postJson }) => {
    for (const model of models) model.behaviour = { kind: "fail", error: new Error("upstream said no") }
    return await postJson("/predict", { features: FEATURES })
  },
  backend_unavailable: async ({ models, postJson }) => {
    const error = new GatewayError("backend_unavailable")
    for (const model of models) model.behaviour = { kind: "fail", error }
    return await postJson("/predict", { features: FEATURES })
  },
  wrong_shape: async ({ models, postJson }) => {
    for (const model of models) model.behaviour = { kind: "answer", answer: { kind: "scores", scores: [0.1, 0.2] } }
    return await postJson("/predict", { features: FEATURES })
  },
  not_taken: async ({ models, postJson }) => {
    for (const model of models) model.takes = { features: false, bodies: ["seldon-v1"] }
    return await postJson("/predict", { features: FEATURES })
  },
  deadline_exceeded: async ({ models, postJson }) => {
    for (const model of models) model.behaviour = { kind: "hang" }
    return await postJson("/predict", { features: FEATURES }, { "x-deadline-ms": "5" })
  },
  log_unavailable: async ({ disk, decide, request }) => {
    disk.full = true
    return await request(`/reward?d=${await decide()}`)
  },
  store_unavailable: async ({ store, request }) => {
    store.state = "refuses"
    return await request("/admin/experiments/banner-ctr/stats")
  },
  config_invalid: ({ edit }) => edit("PATCH", "", { policy: { kind: "unheard-of" } }, { "if-match": "*" }),
  precondition_required: ({ edit }) => edit("PATCH", "", { holdout: 0.1 }),
  precondition_failed: ({ edit }) => edit("PATCH", "", { holdout: 0.1 }, { "if-match": '"7"' }),
  transition_refused: ({ edit }) =>
    edit("POST", "/start?dryRun=true")
      .then(() => edit("POST", "/conclude"))
      .then(() => edit("POST", "/pause")),
  experiment_managed: ({ files, edit }) => {
    files.set("banner-ctr", "banner.yaml")
    return edit("DELETE", "", undefined, { "if-match": "*" })
  },
  internal: async ({ setParts, request }) => {
    setParts(() => {
      throw new TypeError("a secret of ours")
    })
    return await request("/readyz")
  },
}

/** The same with API keys configured. */
const KEYED_PRODUCERS: Readonly<Partial<Record<ErrorCode, Produce>>> = {
  unauthorized: ({ postJson }) => postJson("/predict", { features: FEATURES }),
  forbidden: ({ postJson }) =>
    postJson("/predict", { features: FEATURES }, { authorization: "Bearer secret-of-a-reader" }),
  rate_limited: async ({ request }) => {
    const wrong = (guess: number) => request("/metrics", { headers: { authorization: `Bearer guess-${guess}` } })
    for (let guess = 1; guess <= 10; guess++) expect((await wrong(guess)).status).toBe(401)
    return await wrong(11)
  },
}

/** Problems that something else than the app answers with, and where they are tested. */
const ELSEWHERE: Readonly<Partial<Record<ErrorCode, string>>> = {
  expectation_failed: "the Node server refuses before the app: hostile-platform.test.ts",
  misdirected: "the Node server refuses before the app: hosts.test.ts",
  transfer_coding_unsupported: "the Node server refuses before the app: hostile-platform.test.ts",
  http_version_unsupported: "the Node server refuses before the app: hostile-platform.test.ts",
  overloaded: "the Node server refuses before the app: entry/overload/gate.test.ts, incoming-body.test.ts",
  admin_busy: "the Node server refuses before the app: entry/overload/gate.test.ts",
  headers_too_large: "the Node server refuses before the app: hostile-platform.test.ts",
  request_timeout: "the Node server gives up before the app: hostile-platform.test.ts",
  too_many_keys: "a thousand keys have to be made first: app/manage-keys.test.ts",
  identity_unavailable: "an identity provider has to be away: user-tokens.test.ts",
  revision_conflict: "two gateways publish at once: app/publish.test.ts",
  not_implemented: "a dialect's own answer: dialects/sagemaker.test.ts",
  audit_unavailable: "nothing is changed that can't be recorded: http/experiment-edits.test.ts",
  too_many_experiments: "10,000 of them: app/edit-experiment.test.ts",
  not_configured: "a Worker without keys answers so before there is an app: test/runtime",
}

async function expectProblem(code: ErrorCode, response: Response): Promise<Record<string, unknown>> {
  const { status, title } = PROBLEMS[code]
  const problem = await readJson(response)
  expect(problem).toMatchObject({ code, status, title, type: `/problems/${problemSlug(code)}` })
  expect(response.status).toBe(status)
  expect(response.headers.get("content-type")).toBe("application/problem+json")
  expect(response.headers.get("cache-control")).toBe("no-store")
  expect(mismatch("Problem", problem)).toBeUndefined()
  return problem
}

describe("problems", () => {
  it("have a type, a title and a status of their own", () => {
    const types = PROBLEM_CODES.map((code) => toProblem(new GatewayError(code)))
    expect(new Set(types.map(({ type }) => type)).size).toBe(PROBLEM_CODES.length)
    expect(new Set(types.map(({ title }) => title)).size).toBe(PROBLEM_CODES.length)
    for (const { type, code } of types) expect(type).toBe(`/problems/${code.replaceAll("_", "-")}`)
  })

  it("are all produced by a test, or have a reason not to be", () => {
    const covered = [...Object.keys(PRODUCERS), ...Object.keys(KEYED_PRODUCERS), ...Object.keys(ELSEWHERE)]
    expect(covered.toSorted()).toEqual([...PROBLEM_CODES].toSorted())
  })

  it.each(Object.entries(PRODUCERS))("%s is answered as its document says", async (code, produce) => {
    const gateway = await createTestGateway()
    await expectProblem(codeOf(code), await produce(gateway))
    expect(await (await gateway.request("/metrics")).text()).toContain(`="${code}"} 1`)
  })

  it.each(Object.entries(KEYED_PRODUCERS))("%s is answered as its document says", async (code, produce) => {
    const problem = await expectProblem(codeOf(code), await produce(await createTestGateway(KEYED)))
    expect(problem["detail"]).toMatch(/key/)
  })

  it("that can be tried again say when, and only those", async () => {
    for (const [code, produce] of Object.entries(PRODUCERS)) {
      const response = await produce(await createTestGateway())
      expect([code, response.headers.has("retry-after")]).toEqual([code, response.status === 503])
    }
  })

  it("of ours tell nothing of what went wrong inside, the log does", async () => {
    for (const code of ["internal", "backend_failed"] as const) {
      const gateway = await createTestGateway()
      const problem = await expectProblem(code, (await PRODUCERS[code]?.(gateway)) ?? new Response())
      expect(JSON.stringify(problem)).not.toMatch(/secret|upstream|TypeError|\.ts/)
      expect(gateway.logger.messages.some((message) => /^(error|warn): /.test(message))).toBe(true)
    }
  })

  it("name the methods that a path has", async () => {
    const { request } = await createTestGateway()
    for (const [path, allow] of [
      ["/predict", "POST"],
      ["/reward", "GET, POST"],
      ["/healthz", "GET"],
    ] as const) {
      const response = await request(path, { method: "DELETE" })
      expect([response.status, response.headers.get("allow")]).toEqual([405, allow])
    }
  })
})

function codeOf(code: string): ErrorCode {
  const known = PROBLEM_CODES.find((one) => one === code)
  if (known === undefined) throw new GatewayError("internal", { detail: `no problem ${code}` })
  return known
}
