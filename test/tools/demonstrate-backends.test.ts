import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { expect, it } from "vitest"

const SCRIPT = fileURLToPath(new URL("../../scripts/demonstrate-backends.ts", import.meta.url))

it.each(["mlserver", "sagemaker"])("traffic moves to the better of two models of %s", async (models) => {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, models, "--decisions", "800"])
  // The script ends with an error where the second model didn't get most of the decisions.
  expect(stdout).toMatch(/'first'[\s\S]*'second'/)
})
