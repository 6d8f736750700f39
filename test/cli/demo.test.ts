import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { parse } from "yaml"
import * as z from "zod"
import { EXPERIMENT, MODELS, VARIANTS } from "#src/cli/demo/demonstrate.ts"
import { demo } from "#src/cli/demo.ts"

const count = z.int().min(0)
const documentSchema = z.object({
  seed: z.literal("11"),
  decisions: count,
  clicks: count,
  variants: z.array(z.object({ id: z.string(), decisions: count, rewards: count, allocation: z.number() })),
  sameSlates: z.object({ always: z.record(z.string(), count), evenSplit: z.number() }),
})

async function run(args: readonly string[]) {
  let stdout = ""
  let stderr = ""
  const code = await demo.run(args, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    env: {},
  })
  return { code, stdout, stderr }
}

it("plays against a gateway that counts every decision and every click once", async () => {
  const { code, stdout, stderr } = await run(["--decisions", "400", "--rate", "2000", "--seed", "11", "--json"])
  expect(stderr).toBe("")
  expect(code).toBe(0)
  const document = documentSchema.parse(JSON.parse(stdout))
  expect(document.decisions).toBe(400)
  expect(document.variants.map(({ id }) => id)).toEqual(["champion", "challenger"])
  expect(document.variants.reduce((sum, { decisions }) => sum + decisions, 0)).toBe(400)
  expect(document.variants.reduce((sum, { rewards }) => sum + rewards, 0)).toBe(document.clicks)
  expect(document.variants.reduce((sum, { allocation }) => sum + allocation, 0)).toBeCloseTo(1, 9)
  const { champion = 0, challenger = 0 } = document.sameSlates.always
  expect(document.sameSlates.evenSplit).toBe((champion + challenger) / 2)
  expect(document.clicks).toBeGreaterThan(0)
  // On a slate where both top ads were clicked both earn, so the bandit can't earn more than the two together.
  expect(document.clicks).toBeLessThanOrEqual(champion + challenger)
})

it.each([
  ["--decisions", "0"],
  ["--decisions", "1e3"],
  ["--rate", "-1"],
  ["--rate", "100001"],
  ["--seed", ""],
])("refuses %s %j and says what would be right", async (flag, value) => {
  const { code, stdout, stderr } = await run([`${flag}=${value}`])
  expect(code).toBe(1)
  expect(stdout).toBe("")
  expect(stderr).toContain(`${flag} `)
})

it("plays the experiment and the models that the example serves", () => {
  const document: unknown = parse(readFileSync("examples/experiments/banner-ctr.yaml", "utf8"))
  const served = z
    .object({
      id: z.string(),
      variants: z.array(
        z.object({ id: z.string(), backend: z.object({ kind: z.literal("embedded"), model: z.string() }) }),
      ),
    })
    .parse(document)
  expect(served.id).toBe(EXPERIMENT)
  expect(served.variants.map(({ id }) => id)).toEqual([...VARIANTS])
  expect(served.variants.map(({ backend }) => backend.model)).toEqual([...MODELS])
})
