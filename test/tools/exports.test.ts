import { execFile } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { expect, it } from "vitest"
import { evaluate } from "#src/cli/evaluate.ts"
import { exportRows } from "#src/cli/export.ts"
import { capturedIo } from "#test/cli/captured-io.ts"
import { logOf } from "#test/cli/simulated-log-folder.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { pythonTool } from "./python-tool.ts"

const SCRIPTS = fileURLToPath(new URL("exports/", import.meta.url))

/** What evaluate says of always serving the variant `1`, and what a script of a tool says of the same log, exported. */
async function compared(tool: string, script: string, format: string) {
  const log = ["--log", logOf({ kind: "thompson", minPropensity: 0.05 }), "--experiment", "simulated"]
  const io = capturedIo()
  await evaluate.run([...log, "--target-allocation", '{"1":1}', "--estimators", "ips,snips", "--json"], io)
  const { units, targets } = JSON.parse(io.out())
  const valueOf = (name: string) =>
    targets[0].estimates.find(({ estimator }: { estimator: string }) => estimator === name).value
  const out = join(temporaryFolder(), "exported")
  expect(await exportRows.run([...log, "--format", format, "--out", out], capturedIo())).toBe(0)
  const { stdout } = await promisify(execFile)(pythonTool(tool), [join(SCRIPTS, script), out], {
    cwd: temporaryFolder(),
  })
  return { ours: { rows: units, ips: valueOf("ips"), snips: valueOf("snips") }, said: JSON.parse(stdout) }
}

it("Vowpal Wabbit reads the rows that export wrote for it, with the same costs and probabilities", async () => {
  const { ours, said } = await compared("vowpalwabbit", "with_vowpal_wabbit.py", "dsjson")
  expect(said.rows).toBe(ours.rows)
  // It keeps numbers of 32 bits.
  expect(said.ips).toBeCloseTo(ours.ips, 5)
  expect(said.snips).toBeCloseTo(ours.snips, 5)
  // It learns from them which variant earns more.
  expect(said.learned).toBe("1")
  expect(said.shared).toBeGreaterThan(0)
})

it("Open Bandit Pipeline loads the folder that export wrote for it, and estimates the same", async () => {
  const { ours, said } = await compared("open-bandit-pipeline", "with_open_bandit_pipeline.py", "obp")
  expect(said.rows).toBe(ours.rows)
  expect(said.ips).toBeCloseTo(ours.ips, 12)
  expect(said.snips).toBeCloseTo(ours.snips, 12)
  expect(said.contexts).toBe(1)
})
