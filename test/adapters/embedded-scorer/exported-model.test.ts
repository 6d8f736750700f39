import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import * as z from "zod"
import { loadModelFolder } from "#src/adapters/embedded-scorer/folder.ts"

const expected = z
  .array(z.object({ features: z.record(z.string(), z.string()), probability: z.number() }))
  .parse(JSON.parse(readFileSync("test/fixtures/ctr/exported-model/expected.json", "utf8")))

it("scores a model that scripts/export-artifact.py exported as scikit-learn does, missing and non-ASCII values included", async () => {
  const model = await loadModelFolder("test/fixtures/ctr", "exported-model")
  const scores = model.score(expected.map((row) => row.features))
  const errors = expected.map((row, i) => Math.abs(row.probability - (scores[i] ?? Number.NaN)))
  expect(errors.length).toBeGreaterThan(50)
  expect(Math.max(...errors)).toBeLessThanOrEqual(1e-12)
  expect(expected.some((row) => !("site_id" in row.features))).toBe(true)
  expect(expected.some((row) => row.features["site_id"]?.includes("\u{1f642}"))).toBe(true)
})
