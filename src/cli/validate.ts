import { parseArgs } from "node:util"
import { ExperimentFolder } from "../adapters/experiment-folder/folder.ts"
import { readTargetsFile } from "../adapters/targets/targets-file.ts"
import { targetNameProblem } from "../domain/backends/fit.ts"
import { describeProblem } from "../domain/document-issues.ts"
import { ModelFolder } from "../entry/model-folder.ts"
import type { BackendCheck, SourceDocument } from "../ports/document-source.ts"
import type { Command } from "./command.ts"

export const validate: Command = {
  name: "validate",
  summary: "Check an experiment document, or a folder of them",
  usage: `bandit-gateway validate <file or folder> [--models DIR] [--targets FILE] [--json]

Says everything that is wrong, as file:line:column, and exits 1 where anything is.
  --models DIR    also check that the models exist in DIR and can be loaded
  --targets FILE  also check that the targets are in FILE and can be asked that way
  --json          one JSON document: {"valid","documents":[{"file","valid","id","problems":[…]}]}`,
  run: async (args, io) => {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { models: { type: "string" }, targets: { type: "string" }, json: { type: "boolean", default: false } },
      allowPositionals: true,
    })
    const [path, ...more] = positionals
    if (path === undefined || more.length > 0) {
      io.stderr.write(`bandit-gateway validate: name one file or folder. See bandit-gateway validate --help\n`)
      return 1
    }
    const models = values.models === undefined ? undefined : new ModelFolder(values.models)
    const targets = values.targets === undefined ? undefined : await readTargetsFile(values.targets)
    const check: BackendCheck = async (backend) => {
      if (backend.kind === "embedded") return await models?.check(backend)
      return targets === undefined ? undefined : targetNameProblem(backend, targets)
    }
    let documents: readonly SourceDocument[]
    try {
      documents = await new ExperimentFolder(path, check).look()
    } catch (error) {
      io.stderr.write(
        `bandit-gateway validate: can't read ${path} (${(error as NodeJS.ErrnoException).code ?? String(error)})\n`,
      )
      return 1
    }
    const problems = documents.flatMap((document) => (document.ok ? [] : document.problems))
    if (values.json) {
      const report = documents.map((document) => ({
        file: document.file,
        valid: document.ok,
        id: document.ok ? document.experiment.id : (document.id ?? null),
        problems: document.ok ? [] : document.problems,
      }))
      io.stdout.write(`${JSON.stringify({ valid: problems.length === 0, documents: report })}\n`)
    } else {
      for (const problem of problems) io.stdout.write(`${describeProblem(problem)}\n`)
      const valid = documents.filter((document) => document.ok).length
      io.stdout.write(`${valid} of ${documents.length} documents valid\n`)
    }
    return problems.length === 0 && documents.length > 0 ? 0 : 1
  },
}
