import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import seedrandom from "seedrandom"
import { describe, expect, it } from "vitest"
import { simulate } from "#src/cli/simulate.ts"
import { decisionEvent, NOON, rewardEvent } from "#test/outcomes.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { capturedIo } from "./captured-io.ts"

const DAY_SECONDS = 86_400
const RATES = [
  { champion: 0.1, challenger: 0.3 },
  { champion: 0.4, challenger: 0.2 },
]

/** Two days of an even split. On the second the other variant is the better one. Rewards take a minute for one variant, half an hour for the other. */
function logFolder(): string {
  const stream = seedrandom.alea("two days")
  const events = RATES.flatMap((rates, day) =>
    Array.from({ length: 2_000 }, (_, index) => {
      const variant = stream.double() < 0.5 ? "champion" : "challenger"
      // The first half of a day's decisions comes within an hour.
      const second = day * DAY_SECONDS + (index < 1_000 ? index * 3.6 : 3_600 + index * 10)
      const place = { decisionId: `D${day}-${index}`, decidedAt: NOON - DAY_SECONDS * 500 + second * 1000 }
      const decision = decisionEvent({ ...place, variant, unit: `u${day}-${index}`, stickiness: "request" })
      if (stream.double() >= rates[variant]) return [decision]
      const delay = variant === "champion" ? 60_000 : 1_800_000
      return [decision, rewardEvent({ ...place, variant, at: place.decidedAt + delay, stickiness: "request" })]
    }).flat(),
  )
  const folder = temporaryFolder()
  writeFileSync(join(folder, "lines"), events.map((event) => `${JSON.stringify(event)}\n`).join(""))
  return folder
}

async function run(...args: readonly string[]) {
  const io = capturedIo()
  const code = await simulate.run(args, io)
  return { code, out: io.out(), err: io.err().replaceAll("\n", " ") }
}

const LOG = ["--experiment", "banner-ctr", "--replicates", "2"]

describe("given a log", () => {
  it("plays policies in its traffic: when decisions came, how often and how late each variant was rewarded", async () => {
    const policies = 'static,thompson,{"kind":"thompson","memory":{"kind":"window","seconds":14400}}'
    const { code, out } = await run("--log", logFolder(), ...LOG, "--policies", policies, "--json")
    expect(code).toBe(0)
    const { measured, results } = JSON.parse(out)
    expect(measured).toMatchObject({
      experiment: "banner-ctr",
      decisions: 4_000,
      rows: "decisions",
      variants: ["challenger", "champion"],
      days: 2,
    })
    for (const [day, [challenger, champion]] of measured.rates.entries()) {
      expect(Math.abs(challenger - (RATES[day]?.challenger ?? 0))).toBeLessThan(0.03)
      expect(Math.abs(champion - (RATES[day]?.champion ?? 0))).toBeLessThan(0.03)
    }
    const [split, thompson, forgetful] = results.map(({ regret }: { regret: { mean: number } }) => regret.mean)
    // An even split loses half of what the worse variant costs, and so did the log, which was one.
    expect(Math.abs(split - 400)).toBeLessThan(60)
    expect(Math.abs(measured.loggedRegret - split)).toBeLessThan(40)
    // What was learned on the first day is wrong on the second.
    expect(forgetful).toBeLessThan(thompson)
    expect(forgetful).toBeLessThan(split)
  })

  it("prints what it measured, and draws a picture", async () => {
    const plot = join(temporaryFolder(), "regret.html")
    const { out } = await run("--log", logFolder(), ...LOG, "--policies", "static", "--plot", plot)
    expect(out).toContain("The traffic of banner-ctr: 4,000 decisions, each variant as it earned on each of 2 days")
    expect(out).toContain("What was logged lost ")
    expect(out).toContain("cumulative regret (rewards lost)")
    expect(readFileSync(plot, "utf8")).toContain("banner-ctr: cumulative regret")
  })

  it("gives the same figures for the same seed", async () => {
    const log = logFolder()
    const figures = async () => (await run("--log", log, ...LOG, "--policies", "thompson", "--json")).out
    expect(await figures()).toBe(await figures())
  })
})

describe("given a mistake", () => {
  it.each([
    [["--log", "x", "--experiment", "a", "--aa"], "--aa is of made-up worlds, and --log is a world of its own"],
    [["--log", "x", "--experiment", "a", "--scenario", "b"], "--scenario is of made-up worlds"],
    [["--log", "x"], "--experiment is missing"],
  ])("refuses %j", async (args, message) => {
    const { code, err } = await run(...args)
    expect([code, err]).toEqual([1, expect.stringContaining(message)])
  })

  it("says what is wrong with a policy for the log's experiment", async () => {
    const policy = '{"kind":"canary","challenger":"x","share":0.1}'
    const { code, err } = await run("--log", logFolder(), ...LOG, "--policies", policy)
    expect([code, err]).toEqual([1, expect.stringContaining("canary")])
  })

  it("says that a log without rewards has nothing to replay", async () => {
    const folder = temporaryFolder()
    const zero = [decisionEvent({ stickiness: "request" }), rewardEvent({ value: 0, stickiness: "request" })]
    writeFileSync(join(folder, "lines"), zero.map((event) => `${JSON.stringify(event)}\n`).join(""))
    await expect(run("--log", folder, ...LOG)).rejects.toThrow("no row of banner-ctr earned any click")
  })
})
