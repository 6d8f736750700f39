/**
 * Runs scripts/export-artifact.py from end to end where Python has scikit-learn: from functions, joblib files and a pipeline, scores the
 * exported models with the gateway's scorer, and sees that what can't be served is refused.
 *
 *   node scripts/check-export.ts [python]      default: python3
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as z from "zod"
import { loadModelFolder } from "#src/adapters/embedded-scorer/folder.ts"

const ROOT = fileURLToPath(new URL("..", import.meta.url))
const FIXTURE = join(ROOT, "test/fixtures/ctr/exported-model")
const LARGEST_ERROR = 1e-12

const [python = "python3"] = process.argv.slice(2)

const expectedSchema = z
  .array(z.object({ features: z.record(z.string(), z.string()), probability: z.number() }))
  .min(50)

const ACCEPTED: readonly [string, readonly string[]][] = [
  ["functions", ["--hasher", "fitted:hasher", "--classifier", "fitted:classifier"]],
  ["a pipeline", ["--pipeline", "fitted:pipeline"]],
  ["joblib files", ["--hasher", "HASHER", "--classifier", "CLASSIFIER"]],
]

const REFUSED: readonly [string, string, string][] = [
  ["fitted:unsigned_hasher", "fitted:classifier", "alternate_sign=False"],
  ["fitted:pair_hasher", "fitted:classifier", 'input_type="pair"'],
  ["fitted:single_precision_hasher", "fitted:classifier", "dtype float32"],
  ["fitted:classifier", "fitted:classifier", "the hasher is a SGDClassifier"],
  ["fitted:hasher", "fitted:hinge_classifier", 'loss="hinge"'],
  ["fitted:hasher", "fitted:unfitted_classifier", "not fitted"],
  ["fitted:hasher", "fitted:three_classes", "two classes"],
  ["fitted:hasher", "fitted:hasher", "the classifier is a FeatureHasher"],
  ["fitted:hasher", "no-such-file.joblib", "can't read no-such-file.joblib"],
]

process.exitCode = await main()

async function main(): Promise<number> {
  if (run(["-c", "import sklearn"]).code !== 0) {
    console.error(
      `${python} has no scikit-learn. Install it, or name a Python that has it: node scripts/check-export.ts /path/to/python`,
    )
    return 1
  }
  const folder = mkdtempSync(join(tmpdir(), "export-check-"))
  try {
    const problems = [...(await checkAccepted(folder)), ...checkRefused(folder)]
    for (const problem of problems) console.error(problem)
    console.log(`${ACCEPTED.length + REFUSED.length} exports, ${problems.length} problems`)
    return problems.length === 0 ? 0 : 1
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function checkAccepted(folder: string): Promise<string[]> {
  const rows = join(folder, "rows.json")
  writeFileSync(rows, run(["fitted.py"]).stdout)
  const files = { HASHER: join(folder, "hasher.joblib"), CLASSIFIER: join(folder, "classifier.joblib") }
  const dump = `import fitted, joblib, sys; joblib.dump(fitted.hasher(), sys.argv[1]); joblib.dump(fitted.classifier(), sys.argv[2])`
  run(["-c", dump, files.HASHER, files.CLASSIFIER])
  const problems: string[] = []
  for (const [index, [what, source]] of ACCEPTED.entries()) {
    const name = `model-${index}`
    const named = source.map((word) => (word === "HASHER" || word === "CLASSIFIER" ? files[word] : word))
    const { code, stderr } = exportModel(folder, name, [...named, "--check", rows])
    const problem = code === 0 ? await compare(folder, name) : stderr
    if (problem !== undefined) problems.push(`from ${what}: ${problem}`)
  }
  return problems
}

async function compare(folder: string, name: string): Promise<string | undefined> {
  const model = await loadModelFolder(folder, name)
  const expected = expectedSchema.parse(JSON.parse(readFileSync(join(folder, name, "expected.json"), "utf8")))
  const scores = model.score(expected.map((row) => row.features))
  const errors = expected.map((row, index) => Math.abs(row.probability - (scores[index] ?? Number.NaN)))
  const worst = Math.max(...errors)
  return worst <= LARGEST_ERROR ? undefined : `a probability differs from scikit-learn's by ${worst}`
}

function checkRefused(folder: string): string[] {
  return REFUSED.flatMap(([hasher, classifier, message]) => {
    const { code, stderr } = exportModel(folder, "refused", ["--hasher", hasher, "--classifier", classifier])
    const refused = code === 1 && stderr.startsWith("export-artifact: ") && stderr.includes(message)
    return refused
      ? []
      : [`${hasher} with ${classifier} should be refused with "${message}", but: exit ${code}, ${stderr}`]
  })
}

function exportModel(folder: string, name: string, source: readonly string[]) {
  const script = join(ROOT, "scripts/export-artifact.py")
  const rest = ["--fields", join(FIXTURE, "fields.json"), "--tokens", "prefixed", "--name", name, "--version", "1"]
  return run([script, ...source, ...rest, "--out", join(folder, name)])
}

/** From the fixture's folder, where `fitted` can be imported; -B leaves no bytecode there. */
function run(args: readonly string[]): {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
} {
  const { status, stdout, stderr } = spawnSync(python, ["-B", ...args], { cwd: FIXTURE, encoding: "utf8" })
  return { code: status, stdout, stderr }
}
