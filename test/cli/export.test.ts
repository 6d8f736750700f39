import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { exportRows } from "#src/cli/export.ts"
import type { OutcomeEvent } from "#src/domain/events.ts"
import { decisionEvent, NOON, rewardEvent } from "#test/outcomes.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { capturedIo } from "./captured-io.ts"

const ALLOCATION = { champion: 0.25, challenger: 0.75 }

function decided(second: number, variant: "champion" | "challenger", features: unknown): OutcomeEvent {
  const place = { decisionId: `D${second}`, unit: `unit-${second}`, decidedAt: NOON + second * 1000 }
  const drawn = { variant, allocation: ALLOCATION, propensity: ALLOCATION[variant], stickiness: "request" } as const
  return { ...decisionEvent({ ...place, ...drawn }), features }
}

const EVENTS: readonly OutcomeEvent[] = [
  decided(1, "champion", { site: 'a "quoted", name', hour: 3 }),
  decided(2, "challenger", { site: "b" }),
  rewardEvent({ decisionId: "D2", decidedAt: NOON + 2000, stickiness: "request" }),
  decided(3, "champion", [{ site: "a" }, { site: "b" }]),
]

function logFolder(): string {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "outcomes-00000001.ndjson"), EVENTS.map((event) => `${JSON.stringify(event)}\n`).join(""))
  return folder
}

async function run(...args: readonly string[]) {
  const io = capturedIo()
  const code = await exportRows.run(["--log", logFolder(), "--experiment", "banner-ctr", ...args], io)
  return { code, out: io.out(), err: io.err() }
}

describe("given --format dsjson", () => {
  it("writes each row as one line, the served variant first in its actions", async () => {
    const file = join(temporaryFolder(), "new", "rows.json")
    const { code, out } = await run("--format", "dsjson", "--out", file)
    expect([code, out]).toEqual([0, `3 decisions of banner-ctr with their click: ${file}\n`])
    const rows = readFileSync(file, "utf8")
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text))
    const actions = [{ variant: { name: "challenger" } }, { variant: { name: "champion" } }]
    expect(rows).toEqual([
      {
        _label_cost: 0,
        _label_probability: 0.25,
        _label_Action: 2,
        _labelIndex: 1,
        Timestamp: "2026-11-20T12:00:01.000Z",
        Version: "1",
        EventId: "D1",
        a: [2, 1],
        c: { features: { site: 'a "quoted", name', hour: 3 }, _multi: actions },
        p: [0.25, 0.75],
      },
      expect.objectContaining({
        _label_cost: -1,
        _label_probability: 0.75,
        _labelIndex: 0,
        a: [1, 2],
        p: [0.75, 0.25],
      }),
      expect.objectContaining({ c: { instance0: { site: "a" }, instance1: { site: "b" }, _multi: actions } }),
    ])
  })

  it("leaves out features that were not asked for", async () => {
    const file = join(temporaryFolder(), "rows.json")
    await run("--format", "dsjson", "--out", file, "--features", "hour")
    const rows = readFileSync(file, "utf8")
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text))
    expect(rows.map(({ c: { _multi, ...shared } }) => shared)).toEqual([
      { features: { hour: 3 } },
      { features: {} },
      { instance0: {}, instance1: {} },
    ])
  })
})

describe("given --format obp", () => {
  it("writes rows and items as the Open Bandit Dataset has them", async () => {
    const folder = temporaryFolder()
    const { code, out } = await run("--format", "obp", "--out", folder, "--json")
    expect(code).toBe(0)
    expect(JSON.parse(out)).toEqual({
      experiment: "banner-ctr",
      metric: "click",
      rows: 3,
      variants: ["challenger", "champion"],
      files: [join(folder, "bts/all/all.csv"), join(folder, "bts/all/item_context.csv")],
    })
    expect(readFileSync(join(folder, "bts/all/all.csv"), "utf8")).toBe(
      [
        ",timestamp,item_id,position,click,propensity_score,user_feature_hour,user_feature_site",
        '0,2026-11-20T12:00:01.000Z,1,1,0,0.25,3,"a ""quoted"", name"',
        "1,2026-11-20T12:00:02.000Z,0,1,1,0.75,,b",
        "2,2026-11-20T12:00:03.000Z,1,1,0,0.25,,",
        "",
      ].join("\n"),
    )
    expect(readFileSync(join(folder, "bts/all/item_context.csv"), "utf8")).toBe(
      ",item_id,item_feature_0,item_feature_1\n0,0,0,challenger\n1,1,0,champion\n",
    )
    expect(readdirSync(join(folder, "bts/all"))).toHaveLength(2)
  })
})

describe("given a mistake", () => {
  it.each([
    [["--out", "rows"], "--format is missing. It is dsjson or obp"],
    [["--out", "rows", "--format", "csv"], "--format csv: there is no such format. It is dsjson or obp"],
    [["--format", "obp"], "--out is missing: a file for dsjson, a folder for obp"],
    [["--format", "obp", "--out", "/dev/null/x"], "can't be written: ENOTDIR"],
    [["--format", "obp", "--out", "x", "--features", 'a"b'], "can't be a feature's name"],
  ])("refuses %j and says what would be right", async (args, message) => {
    const { code, err } = await run(...args)
    expect([code, err]).toEqual([1, expect.stringContaining(message)])
    expect(existsSync("rows")).toBe(false)
  })
})
