import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { ProgressBar } from "#src/cli/progress-bar.ts"
import { regretTable } from "#src/cli/regret-chart.ts"
import { simulate } from "#src/cli/simulate.ts"
import { parseSimulatedPolicies } from "#src/cli/simulated-policies.ts"
import { capturedIo } from "./captured-io.ts"

const folder = mkdtempSync(join(tmpdir(), "simulate-"))
afterAll(() => rmSync(folder, { recursive: true }))

const file = join(folder, "scenarios.json")
const scenario = { T: 400, batch: 20, delay: 0, segments: [[0, [0.1, 0.5]]], checkpoints: [100, 400] }
writeFileSync(
  file,
  JSON.stringify({
    scenarios: [
      { id: "one", ...scenario },
      { id: "two", ...scenario, delay: 40 },
    ],
    results: ["ignored"],
  }),
)

async function run(...args: string[]) {
  const io = capturedIo()
  const code = await simulate.run(args, io)
  return { code, out: io.out(), err: io.err() }
}

describe("simulate --json", () => {
  const args = [
    "--scenarios",
    file,
    "--policies",
    "thompson,epsilon-greedy:0.2",
    "--replicates",
    "4",
    "--seed",
    "7",
    "--json",
  ]

  it("prints one document with every scenario and policy, as they were written", async () => {
    const { code, out } = await run(...args)
    expect(code).toBe(0)
    const { seed, results } = JSON.parse(out)
    expect(seed).toBe(7)
    expect(results).toHaveLength(4)
    expect(results[1]).toMatchObject({ scenario: "one", policy: "epsilon-greedy:0.2", replicates: 4 })
    for (const { regret, curve, shareByVariant } of results) {
      expect(curve.at(-1)).toEqual({ t: 400, ...regret })
      expect(curve.map((point: { t: number }) => point.t)).toContain(100)
      expect(shareByVariant[0] + shareByVariant[1]).toBeCloseTo(1, 12)
      // An even split would lose 80.
      expect(regret.mean).toBeGreaterThan(0)
      expect(regret.mean).toBeLessThan(60)
    }
  })

  it("prints the same for the same seed", async () => {
    expect((await run(...args)).out).toBe((await run(...args)).out)
    expect((await run(...args, "--seed", "8")).out).not.toBe((await run(...args)).out)
  })
})

it("shows people a table and a chart with a letter per policy", async () => {
  const { code, out } = await run(
    "--scenarios",
    file,
    "--scenario",
    "two",
    "--policies",
    "thompson,static",
    "--replicates",
    "3",
  )
  expect(code).toBe(0)
  expect(out).toContain("A thompson")
  expect(out).toContain("B static")
  expect(out).toMatch(/┤ *[AB ]*B/)
  expect(out).toContain("400 pulls")
  expect(out).not.toContain("one")
})

it.each(["svg", "html"])("writes a picture that needs nothing else as %s", async (kind) => {
  const plot = join(folder, `regret.${kind}`)
  await run(
    "--scenarios",
    file,
    "--policies",
    'thompson,{"kind":"softmax","temperature":0.05}',
    "--replicates",
    "3",
    "--plot",
    plot,
  )
  const picture = readFileSync(plot, "utf8")
  expect(picture.match(/<polyline/g)).toHaveLength(4)
  expect(picture).toContain("{&quot;kind&quot;:&quot;softmax&quot;")
  expect(picture).toContain("decisions (pulls)")
  expect(picture).toContain("prefers-color-scheme: dark")
  expect(picture.replace("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:/)
})

describe("--policies", () => {
  it("takes kinds, kinds with their first parameter, and whole documents with a memory", () => {
    const list =
      'thompson, epsilon-greedy:0.05 ,{"kind":"thompson","prior":{"alpha":2},"memory":{"kind":"window","seconds":50}},kl-ucb:3'
    const parsed = parseSimulatedPolicies(list)
    expect(parsed.map(({ settings }) => settings.policy)).toEqual([
      { kind: "thompson" },
      { kind: "epsilon-greedy", epsilon: 0.05 },
      { kind: "thompson", prior: { alpha: 2 } },
      { kind: "kl-ucb", c: 3 },
    ])
    const window = { kind: "window", seconds: 50 }
    expect(parsed.map(({ settings }) => settings.memory)).toEqual([undefined, undefined, window, undefined])
    expect(parsed[1]?.text).toBe("epsilon-greedy:0.05")
  })

  it("takes what else the document says of learning, and says where it is wrong", () => {
    const [parsed] = parseSimulatedPolicies(
      '{"kind":"thompson","maturation":"expected","failures":"exclude","stickiness":"request","burnInDecisions":100}',
    )
    expect(parsed?.settings).toMatchObject({
      policy: { kind: "thompson", burnInDecisions: 100 },
      maturation: "expected",
      failures: "exclude",
      stickiness: "request",
    })
    expect(() => parseSimulatedPolicies('{"kind":"thompson","maturation":"later"}')).toThrow("  maturation: must be")
    expect(() => parseSimulatedPolicies('{"kind":"thompson","reward":{}}')).toThrow("reward")
  })

  it.each([
    ["thomson", "there are static, epsilon-greedy"],
    ["thompson,,static", "empty place"],
    ["thompson:1", "has no first parameter"],
    ["epsilon-greedy:", "epsilon must be a number"],
    ["epsilon-greedy:x", "epsilon must be a number"],
    ["epsilon-greedy:2", "epsilon: "],
    ["{oops}", "is not JSON"],
    ['{"kind":"thompson","memory":{"kind":"discount","halfLifeSeconds":0}}', "memory.halfLifeSeconds: "],
    [
      '{"kind":"thompson","memory":{"kind":"window","pulls":9}}',
      'written as in an experiment document: {"kind":"all"}',
    ],
  ])("refuses %s", (list, sentence) => {
    expect(() => parseSimulatedPolicies(list)).toThrow(sentence)
  })
})

it.each([
  [["--scenario", "three"], 'has no scenario "three": there are two-close, five-variants'],
  [["--scenarios", "/nowhere.json"], "can't be read"],
  [["--scenarios", file, "--scenario", "three"], "there are one, two"],
  [["--scenarios", file, "--replicates", "0"], "--replicates 0: must be a whole number from 1"],
  [["--scenarios", file, "--seed", "1x"], "--seed 1x"],
  [["--scenarios", file, "--plot", "regret.png"], "must end in .svg or .html"],
  [["--scenarios", file, "--aa", "--plot", "regret.svg"], "there is none under --aa"],
  [
    ["--scenarios", file, "--policies", '{"kind":"canary","challenger":"9","share":1}'],
    "challenger: must be the id of one of the variants: 0, 1",
  ],
])("exits 1 on %j and says what is wrong", async (args, sentence) => {
  const { code, out, err } = await run(...args)
  expect(code).toBe(1)
  expect(out).toBe("")
  expect(err).toContain(sentence)
  expect(err).toContain("npm run cli -- simulate --help")
})

it("plays the scenarios that it ships with when none are named", async () => {
  const { code, out } = await run("--policies", "static", "--replicates", "1", "--json")
  expect(code).toBe(0)
  const scenarios = JSON.parse(out).results.map((result: { scenario: string }) => result.scenario)
  expect(scenarios).toEqual([
    "two-close",
    "five-variants",
    "late-clicks",
    "winner-changes",
    "every-click",
    "newcomer",
    "slow-clicks",
    "revenue",
    "failing-variant",
    "returning-units",
  ])
})

it("plays the scenarios of late clicks", async () => {
  const delays = new URL("../../examples/delays.json", import.meta.url).pathname
  const { code, out } = await run("--scenarios", delays, "--policies", "static", "--replicates", "1", "--json")
  expect(code).toBe(0)
  const scenarios = JSON.parse(out).results.map((result: { scenario: string }) => result.scenario)
  expect(scenarios).toEqual(["shared-delay", "two-variants", "fast-clicks", "slow-best", "fast-worst"])
})

it("leaves a policy out of scenarios that it can't play, and refuses where none is left", async () => {
  const revenue = ["--scenario", "revenue", "--replicates", "1", "--json"]
  const some = await run(...revenue, "--policies", "thompson,static")
  expect(some.code).toBe(0)
  expect(JSON.parse(some.out).results.map(({ policy }: { policy: string }) => policy)).toEqual(["static"])
  expect(some.err).toContain("Left out: revenue: Policy thompson is wrong:")
  const none = await run(...revenue, "--policies", "thompson")
  expect(none.code).toBe(1)
  expect(none.err).toContain("thompson needs rewards between 0 and 1")
})

describe("simulate --aa", () => {
  it("has no regret, and says how often a winner was found where there is none", async () => {
    const args = [
      "--aa",
      "--scenarios",
      file,
      "--scenario",
      "one",
      "--policies",
      "thompson,static",
      "--replicates",
      "20",
    ]
    const [thompson] = JSON.parse((await run(...args, "--json")).out).results
    expect(thompson.regret).toEqual({ mean: 0, standardError: 0 })
    expect(thompson.falseWinners.mean).toBeGreaterThan(0)
    expect(thompson.falseWinners.mean).toBeLessThan(1)
    expect(thompson.shareSpread).toHaveLength(2)
    const { out } = await run(...args)
    expect(out).toMatch(/A thompson +\d+\.\d % ± \d+\.\d %/)
    expect(Math.max(...out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80)
  })
})

it("loses less with a short memory where the best variant changes", async () => {
  const window = '{"kind":"thompson","memory":{"kind":"window","seconds":300}}'
  const { out } = await run(
    "--scenario",
    "winner-changes",
    "--policies",
    `thompson,${window}`,
    "--replicates",
    "5",
    "--json",
  )
  const [everything, lately] = JSON.parse(out).results
  expect(lately.regret.mean).toBeLessThan(everything.regret.mean - 2 * everything.regret.standardError)
})

describe("given a table of 80 columns", () => {
  const line = (policy: string, arms: number) => ({
    policy,
    regret: { mean: 123, standardError: 4 },
    curve: [],
    shareSpread: [],
    shareCurve: [],
    shareByVariant: Array.from({ length: arms }, () => 1 / arms),
  })

  it("keeps every line within them, whatever a policy is called and however many variants there are", () => {
    const document = '{"kind":"thompson","memory":{"kind":"window","seconds":300}}'
    for (const arms of [2, 5, 10, 40]) {
      const table = regretTable([line("thompson", arms), line(document, arms)], 80)
      expect(Math.max(...table.split("\n").map((text) => text.length))).toBeLessThanOrEqual(80)
      expect(table.match(/ %/g)).toHaveLength(2 * arms)
      expect(table).toContain(document)
    }
  })
})

describe("given a progress bar", () => {
  const bar = (isTTY: boolean) => {
    const written: string[] = []
    let now = 0
    const progress = new ProgressBar({ write: (text) => written.push(text), isTTY }, () => now)
    return { written, progress, after: (ms: number) => (now += ms) }
  }

  it("says nothing before two seconds", () => {
    const { written, progress, after } = bar(true)
    after(1900)
    progress.update(0.5, "x")
    progress.finish()
    expect(written).toEqual([])
  })

  it("draws over itself on a terminal and is gone at the end", () => {
    const { written, progress, after } = bar(true)
    after(3000)
    progress.update(0.5, "thompson")
    after(50)
    progress.update(0.51, "thompson")
    progress.finish()
    expect(written).toHaveLength(2)
    expect(written[0]).toMatch(/^\r█+░+ +50 % {2}thompson {2}3 s left/)
    expect(written[1]).toMatch(/^\r/)
  })

  it("cuts what would wrap", () => {
    const written: string[] = []
    let now = 0
    const progress = new ProgressBar({ write: (text) => written.push(text), isTTY: true, columns: 60 }, () => now)
    now = 3000
    progress.update(0.5, "a policy with a very long name, and more of it")
    expect(written[0]?.replace("\r", "").replace("\u001b[K", "")).toHaveLength(59)
  })

  it("writes a line every ten seconds elsewhere", () => {
    const { written, progress, after } = bar(false)
    for (let second = 0; second < 25; second++) {
      after(1000)
      progress.update(second / 25, "x")
    }
    expect(written).toHaveLength(3)
    expect(written.every((line) => line.endsWith("\n"))).toBe(true)
  })
})
