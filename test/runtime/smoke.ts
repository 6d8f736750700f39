import { expect, it } from "vitest"

/** Sends one request to a running gateway that serves the example experiment. */
export type Send = (path: string, init?: RequestInit) => Promise<Response>

const AD_REQUEST = {
  hour: "14102100",
  banner_pos: "0",
  site_id: "1fbe01fe",
  site_domain: "f3845767",
  site_category: "28905ebd",
  app_id: "ecad2386",
  app_domain: "7801e8d9",
  app_category: "07d7df22",
  device_id: "a99f214a",
  device_ip: "ddd2926e",
  device_model: "44956a24",
  device_type: "1",
}

/** scikit-learn's own probabilities of that request, by model. */
const EXPECTED: Readonly<Record<string, number>> = { "ctr-raw": 0.3012638794627709, "ctr-prefixed": 0.3559660753096872 }

/** What must be the same on every runtime that the gateway runs on. */
export function describeGateway(send: Send): void {
  const post = (path: string, body: unknown, contentType = "application/json") =>
    send(path, {
      method: "POST",
      headers: { "content-type": contentType },
      body: typeof body === "string" ? body : JSON.stringify(body),
    })
  const problemOf = async (response: Response) => {
    expect(response.headers.get("content-type")).toBe("application/problem+json")
    const problem = (await response.json()) as { status: number; type: string; code: string }
    expect(problem.status).toBe(response.status)
    return `${problem.status} ${problem.type}`
  }

  it("answers the flat ad request of a plain predictor with the model's own probability", async () => {
    const response = await post("/predict", AD_REQUEST)
    expect(response.status).toBe(200)
    const answer = (await response.json()) as Record<string, unknown>
    expect(answer["prediction"]).toBeCloseTo(EXPECTED[answer["model"] as string] as number, 12)
    expect(answer).toMatchObject({ experiment: "banner-ctr", revision: 1, reason: "burn_in", degraded: false })
    expect(response.headers.get("x-variant")).toBe(answer["variant"])
    expect(response.headers.get("x-decision-id")).toBe(answer["decisionId"])
  })

  it("keeps a unit's variant and scores a slate in one decision", async () => {
    const slate = { experiment: "banner-ctr", unitId: "user-42", instances: [AD_REQUEST, { site_id: "x" }, {}] }
    const answers = await Promise.all(
      Array.from(
        { length: 5 },
        async () => (await (await post("/predict", slate)).json()) as { predictions: number[]; variant: string },
      ),
    )
    expect(new Set(answers.map(({ variant }) => variant)).size).toBe(1)
    expect(answers[0]?.predictions).toHaveLength(3)
  })

  it("takes a reward once, by POST, by GET and by pixel", async () => {
    const { decision, variant } = (await (await post("/predict", AD_REQUEST)).json()) as {
      decision: string
      variant: string
    }
    const first = await post("/reward", { decision })
    expect([first.status, await first.json()]).toMatchObject([200, { status: "applied", variant }])
    expect(await (await post("/reward", { decision })).json()).toMatchObject({ status: "duplicate" })
    expect(await (await send(`/reward?d=${decision}`)).json()).toMatchObject({ status: "duplicate" })
    const pixel = await send(`/reward.gif?d=${decision}`)
    expect([pixel.status, pixel.headers.get("content-type")]).toEqual([200, "image/gif"])
    const stats = (await (await send("/admin/experiments/banner-ctr/stats")).json()) as {
      variants: { rewards: number }[]
    }
    expect(stats.variants.reduce((sum, { rewards }) => sum + rewards, 0)).toBe(1)
  })

  it("refuses a forged token and one that is not there", async () => {
    const { decision } = (await (await post("/predict", AD_REQUEST)).json()) as { decision: string }
    const forged = decision
      .replace(".champion.", ".CHAMPION.")
      .replace(".challenger.", ".champion.")
      .replace("CHAMPION", "challenger")
    expect(await problemOf(await post("/reward", { decision: forged }))).toBe("403 /problems/token-invalid")
    expect(await problemOf(await send("/reward"))).toBe("400 /problems/token-malformed")
  })

  it.each([
    ["invalid JSON", '{"a":', "400 /problems/invalid-json"],
    ["duplicate keys", '{"hour":"1","hour":"2"}', "400 /problems/invalid-json"],
    ["a list", "[]", "400 /problems/not-an-object"],
    ["an unknown field", { experiment: "banner-ctr", features: {}, propensity: 1 }, "422 /problems/validation-failed"],
    ["a malformed hour", { hour: "yesterday" }, "422 /problems/features-invalid"],
    ["an unknown experiment", { experiment: "nope", features: {} }, "404 /problems/experiment-not-found"],
  ])("refuses %s", async (_, body, expected) => {
    expect(await problemOf(await post("/predict", body))).toBe(expected)
  })

  it("refuses another media type, another method and another path", async () => {
    expect(await problemOf(await post("/predict", "{}", "text/plain"))).toBe("415 /problems/unsupported-media-type")
    expect(await problemOf(await send("/predict"))).toBe("405 /problems/method-not-allowed")
    expect(await problemOf(await send("/nowhere"))).toBe("404 /problems/not-found")
  })

  it("is alive, ready and measured", async () => {
    expect(await (await send("/healthcheck")).json()).toEqual({ health: "ok" })
    expect((await send("/readyz")).status).toBe(200)
    expect(await (await send("/metrics")).text()).toMatch(/^bandit_decisions_total\{/m)
    expect(await (await send("/openapi.json")).json()).toMatchObject({ openapi: "3.1.0" })
  })
}
