import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { evaluate } from "#src/cli/evaluate.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { capturedIo } from "./captured-io.ts"
import { logOf } from "./simulated-log-folder.ts"

async function run(...args: readonly string[]) {
  const io = capturedIo()
  const code = await evaluate.run(args, io)
  return { code, out: io.out(), err: io.err().replaceAll("\n", " ") }
}

async function documentOf(log: string, ...args: readonly string[]) {
  const { code, out } = await run("--log", log, "--experiment", "simulated", "--json", ...args)
  expect(code).toBe(0)
  return JSON.parse(out)
}

describe("given a log that can tell", () => {
  it("answers one JSON document", async () => {
    const document = await documentOf(logOf(), "--target-allocation", '{"1":1}', "--policy", "thompson", "--by", "site")
    expect(document).toMatchObject({ experiment: "simulated", metric: "reward", decisions: 3_000, units: 3_000 })
    expect(document.logged.value).toBeCloseTo(0.3, 1)
    expect(document.targets.map(({ policy, verdict }: Record<string, string>) => [policy, verdict])).toEqual([
      ["always 1", "better"],
      ["thompson", "better"],
      ["uniform", "unclear"],
    ])
    const [always, thompson] = document.targets
    expect(Object.keys(always.diagnostics)).toEqual([
      "effectiveSampleSize",
      "maxWeight",
      "meanWeight",
      "meanWeightZ",
      "zeroWeightShare",
      "unsupportedMass",
      "clippedMass",
    ])
    const dr = always.estimates.filter(({ estimator }: { estimator: string }) => estimator === "dr")
    expect(dr.map(({ method }: { method: string }) => method)).toEqual(["normal", "bootstrap", "anytime-valid"])
    for (const { value, interval, level, standardError } of dr) {
      expect(value).toBeCloseTo(0.4, 1)
      expect(interval[0]).toBeLessThan(0.4)
      expect(interval[1]).toBeGreaterThan(0.4)
      expect([level, standardError > 0]).toEqual([0.95, true])
    }
    expect(thompson.learning).toMatchObject({ from: "accepted", scale: 0.5 })
    expect(always.segments.map(({ segment, units }: Record<string, unknown>) => [segment, units])).toEqual([
      ["b", expect.any(Number)],
      ["a", expect.any(Number)],
    ])
  })

  it("gives the same figures for the same seed", async () => {
    const log = logOf()
    expect(await documentOf(log)).toEqual(await documentOf(log))
  })

  it("prints for people, each variant alone where nothing else was asked for, and draws a picture", async () => {
    const plot = join(temporaryFolder(), "picture.html")
    const { code, out } = await run("--log", logOf(), "--experiment", "simulated", "--plot", plot)
    expect(code).toBe(0)
    expect(out).toContain("simulated: reward per row, 3,000 rows of 3,000 decisions")
    expect(out).toContain("always 1: better than what was logged, by 0.1")
    expect(out).toContain("always 0: worse than what was logged")
    expect(out).toContain("dr with its 95 % interval")
    expect(out).toMatch(/as logged +├─+●─+┤/)
    expect(readFileSync(plot, "utf8")).toContain("<svg")
  })

  it("says that a row is a unit where units keep their variant", async () => {
    const { out } = await run("--log", logOf({ kind: "static" }, "unit"), "--experiment", "simulated")
    expect(out).toContain("1,500 rows of 3,000 decisions")
    expect(out).toContain("Each row is a unit by its first decision")
  })
})

it("says of a policy that leaves nothing to chance that its log can't tell, and why", async () => {
  const log = logOf({ kind: "ucb1" })
  const { out } = await run("--log", log, "--experiment", "simulated")
  expect(out).toContain("always 0: this log can't tell")
  expect(out).toContain("give the policy a minPropensity")
})

describe("given a mistake", () => {
  const log = ["--log", "/nowhere", "--experiment", "banner-ctr"]

  it.each([
    [["--experiment", "banner-ctr"], "--log is missing"],
    [["--log", "data"], "--experiment is missing"],
    [[...log, "--policy", "thomson"], 'Unknown policy "thomson"'],
    [[...log, "--params", "{}"], "--params belongs to one --policy"],
    [[...log, "--target-allocation", '{"a":0.5}'], "its shares add up to 0.5; they must add up to 1"],
    [[...log, "--target-allocation", "a"], "--target-allocation is not JSON"],
    [[...log, "--estimators", "ips,xyz"], 'there is no "xyz"; there are ips, snips'],
    [[...log, "--from", "yesterday"], "--from yesterday is no time: write 2026-11-20T12:00:00Z"],
    [[...log, "--by", 'a"b'], "can't be a feature's name"],
    [[...log, "--learn", "all"], "--learn all: it is accepted or logged"],
    [[...log, "--plot", "a.png"], "the name must end in .html"],
    [[...log, "--threads", "0"], "it is a whole number from 1 to 99"],
    [[...log, "--temporary-gib", "many"], "--temporary-gib many: it is a whole number from 1"],
    [["--log", "s3:///prefix", "--experiment", "banner-ctr"], "--log s3:///prefix: write s3://BUCKET/PREFIX"],
  ])("refuses %j and says what would be right", async (args, message) => {
    const { code, err } = await run(...args)
    expect([code, err]).toEqual([1, expect.stringContaining(message)])
  })

  it.each([
    [["--target-allocation", '{"2":1}'], "names 2, of which the log has nothing; it has 0, 1"],
    [["--policy", '{"kind":"canary","challenger":"x","share":0.1}'], "is wrong"],
  ])("refuses %j for this log", async (args, message) => {
    const { code, err } = await run("--log", logOf(), "--experiment", "simulated", ...args)
    expect([code, err]).toEqual([1, expect.stringContaining(message)])
  })

  it("leaves it to the command line to say what the log lacks", async () => {
    await expect(run("--log", logOf(), "--experiment", "simulate")).rejects.toMatchObject({
      code: "config_invalid",
      message: "the log has no drawn decision of simulate; it has decisions of simulated",
    })
  })
})
