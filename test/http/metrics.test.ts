import { describe, expect, it } from "vitest"
import { createTestGateway, type TestGateway } from "./gateway.ts"

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Prometheus' text format, version 0.0.4; a line that isn't of it is an error. */
function parseExposition(text: string): readonly Sample[] {
  const typed = new Set<string>()
  return text.split("\n").flatMap((line) => {
    if (line === "" || line.startsWith("# HELP ")) return []
    const type = /^# TYPE ([a-z_]+) (?:counter|gauge|histogram)$/.exec(line)
    if (type !== null) {
      typed.add(String(type[1]))
      return []
    }
    const sample = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (sample === null) throw new Error(`not a sample: ${line}`)
    const [, name = "", labels = "", value = ""] = sample
    if (!typed.has(name.replace(/_(bucket|sum|count)$/, "")) && !typed.has(name)) throw new Error(`no type: ${name}`)
    const pairs = [...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"(?:,|$)/g)]
    return [{ name, labels: Object.fromEntries(pairs.map(([, label, text]) => [label, text])), value: Number(value) }]
  })
}

async function scrape(gateway: TestGateway): Promise<readonly Sample[]> {
  const response = await gateway.request("/metrics")
  expect(response.headers.get("content-type")).toMatch(/^text\/plain; (charset=utf-8; )?version=0\.0\.4/)
  return parseExposition(await response.text())
}

/** The value of the only sample with these labels among others. */
function read(samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  const found = samples.filter(
    (sample) => sample.name === name && Object.entries(labels).every(([label, text]) => sample.labels[label] === text),
  )
  return found.reduce((sum, { value }) => sum + value, 0)
}

const FEATURES = { a: "1" }

describe("metrics", () => {
  it("count what was answered, to the unit", async () => {
    const gateway = await createTestGateway()
    const { postJson, request, decide } = gateway
    const tokens: string[] = []
    for (let i = 0; i < 20; i++) tokens.push(await decide({ unitId: `user-${i}` }))
    await postJson("/predict", { features: FEATURES, variant: "challenger" })
    await postJson("/predict", { features: { a: null } })
    await request("/nowhere")
    for (const token of [...tokens.slice(0, 5), ...tokens.slice(0, 2)]) await request(`/reward?d=${token}`)
    await postJson("/reward", [{ decision: "v1.forged" }, { decision: tokens[5] }, {}])

    const samples = await scrape(gateway)
    expect(read(samples, "bandit_decisions_total", { experiment: "banner-ctr", reason: "policy" })).toBe(20)
    expect(read(samples, "bandit_decisions_total", { variant: "challenger", reason: "forced" })).toBe(1)
    expect(read(samples, "bandit_rewards_total", { answer: "applied" })).toBe(6)
    expect(read(samples, "bandit_rewards_total", { answer: "duplicate" })).toBe(2)
    expect(read(samples, "bandit_rewards_total", { answer: "token_invalid" })).toBe(1)
    expect(read(samples, "bandit_rewards_total", { answer: "token_malformed" })).toBe(1)
    expect(read(samples, "bandit_rewards_total")).toBe(10)
    expect(read(samples, "bandit_problems_total")).toBe(2)
    expect(read(samples, "bandit_request_seconds_count", { route: "/predict" })).toBe(22)
    expect(read(samples, "bandit_request_seconds_bucket", { route: "/predict", le: "+Inf" })).toBe(22)
    expect(samples.some(({ labels }) => labels["le"] === "0.0001")).toBe(true)
  })

  it("say why a fallback answered", async () => {
    const gateway = await createTestGateway()
    for (const model of gateway.models)
      if (model.model === "b") model.behaviour = { kind: "fail", error: new Error("no") }
    for (let i = 0; i < 20; i++) await gateway.decide({ unitId: `user-${i}` })
    const samples = await scrape(gateway)
    const fallbacks = read(samples, "bandit_fallbacks_total", { reason: "backend_failed" })
    expect(fallbacks).toBeGreaterThan(0)
    expect(read(samples, "bandit_decisions_total", { variant: "challenger", reason: "policy" })).toBe(fallbacks)
    expect(read(samples, "bandit_decisions_total")).toBe(20)
  })

  it("count features that no model knows", async () => {
    const gateway = await createTestGateway()
    for (const model of gateway.models) model.knownFeatures = new Set(["hour"])
    await gateway.publish({ description: "again" })
    await gateway.postJson("/predict", { experiment: "banner-ctr", features: { hour: "14102100", huor: "14102100" } })
    expect(read(await scrape(gateway), "bandit_unknown_features_total", { experiment: "banner-ctr" })).toBe(1)
  })

  it("count decisions that nobody answered among the others", async () => {
    const gateway = await createTestGateway()
    for (const model of gateway.models) model.behaviour = { kind: "fail", error: new Error("no") }
    for (let i = 0; i < 5; i++) await gateway.postJson("/predict", { features: FEATURES })
    const samples = await scrape(gateway)
    expect(read(samples, "bandit_unanswered_total", { reason: "backend_failed" })).toBe(5)
    expect(read(samples, "bandit_decisions_total", { reason: "policy" })).toBe(5)
  })

  it("show allocation, revision and posterior of what is served, and nothing of what was removed", async () => {
    const gateway = await createTestGateway()
    const removed = await gateway.publish({ id: "short-lived" })
    await gateway.publisher.remove(removed.id, { actor: "test", source: "api" })
    await gateway.publish({ description: "changed" })
    const samples = await scrape(gateway)
    expect(read(samples, "bandit_allocation", { experiment: "banner-ctr" })).toBeCloseTo(1, 12)
    expect(read(samples, "bandit_probability_best", { experiment: "banner-ctr" })).toBeCloseTo(1, 12)
    expect(read(samples, "bandit_experiment_revision", { experiment: "banner-ctr" })).toBe(2)
    expect(samples.filter(({ labels }) => labels["experiment"] === "short-lived")).toEqual([])
  })

  it("leave the posterior out while the counters can't be read", async () => {
    const gateway = await createTestGateway()
    gateway.store.state = "refuses"
    const samples = await scrape(gateway)
    expect(samples.filter(({ name }) => name === "bandit_probability_best")).toEqual([])
    expect(read(samples, "bandit_allocation")).toBeCloseTo(1, 12)
  })

  it("are answered while the counters keep a scrape waiting, with the posterior of the round before", async () => {
    const gateway = await createTestGateway()
    await gateway.request(`/reward?d=${await gateway.decide()}`)
    expect(await gateway.rewards()).toBe(1)
    const before = await scrape(gateway)
    expect(read(before, "bandit_reward_rate")).toBeGreaterThan(0)
    gateway.store.state = "hangs"
    const during = await scrape(gateway)
    expect(read(during, "bandit_reward_rate")).toBe(read(before, "bandit_reward_rate"))
    expect(read(during, "bandit_allocation")).toBeCloseTo(1, 12)
  })

  it("ask the store once for each experiment, however many scrape at once", async () => {
    const gateway = await createTestGateway()
    for (let i = 0; i < 20; i++) await gateway.publish({ id: `e-${i}` })
    let asked = 0
    const { statistics } = gateway.store
    gateway.store.statistics = (experiment, query) => {
      asked++
      return statistics(experiment, query)
    }
    const scrapes = await Promise.all(Array.from({ length: 50 }, () => scrape(gateway)))
    expect(asked).toBe(21)
    for (const samples of scrapes) expect(read(samples, "bandit_probability_best")).toBeCloseTo(21, 9)
  })

  it("have no label that a caller can make up", async () => {
    const gateway = await createTestGateway()
    const { postJson, request } = gateway
    const sizes: number[] = []
    for (const round of ["first", "second", "third"]) {
      for (const name of ["a", "b", "c", "d", "e"].map((letter) => `zqjx-${round}-${letter}`)) {
        await request(`/${name}`)
        await request(`/problems/${name}`)
        await request(`/admin/experiments/${name}`)
        await postJson(`/predict/${name}`, { features: FEATURES })
        await postJson("/predict", { features: FEATURES, variant: name })
        await request(`/reward?d=${name}`)
      }
      const samples = await scrape(gateway)
      expect(JSON.stringify(samples)).not.toMatch(/zqjx/)
      sizes.push(samples.length)
    }
    // The first scrape is itself a route that the second one shows.
    expect(sizes[2]).toBe(sizes[1])
  })
})
