import { readFile } from "node:fs/promises"
import { parseDocument } from "yaml"
import { parseTargets, type Target } from "../../domain/backends/target.ts"
import { GatewayError } from "../../domain/errors.ts"

/**
 * Reads a file of targets, YAML 1.2 or JSON.
 *
 * @returns the targets by name
 * @throws GatewayError `config_invalid` with everything that is wrong with it, a line each
 */
export async function readTargetsFile(path: string): Promise<ReadonlyMap<string, Target>> {
  let text: string
  try {
    text = await readFile(path, "utf8")
  } catch (error) {
    throw invalid(path, [`can't be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`])
  }
  const document = parseDocument(text, { version: "1.2" })
  if (document.errors.length > 0) {
    throw invalid(
      path,
      document.errors.map(({ message }) => message),
    )
  }
  const parsed = parseTargets(document.toJS({ maxAliasCount: 100 }))
  if (!parsed.ok) throw invalid(path, parsed.problems)
  return parsed.targets
}

function invalid(path: string, problems: readonly string[]): GatewayError {
  return new GatewayError("config_invalid", {
    detail: problems.map((problem) => `TARGETS_FILE ${path}: ${problem}`).join("\n"),
  })
}
