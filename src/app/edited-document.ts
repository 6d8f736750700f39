import type { DocumentIssue } from "../domain/document-issues.ts"
import { GatewayError, type InputError } from "../domain/errors.ts"
import { type Experiment, parseExperiment } from "../domain/experiment.ts"
import type { BackendCheck, ReadYaml } from "../ports/document-source.ts"

/** A document as it came: JSON that was read, or the text of a YAML file. */
export type GivenDocument = { readonly json: unknown } | { readonly yaml: string }

export interface EditedDocument {
  /** What the address calls the experiment. */
  readonly id: string
  /** The revision that the edit is made to. */
  readonly revision: number
  readonly check: BackendCheck
  readonly readYaml: ReadYaml
}

/**
 * The experiment that a document of a call describes, everything about it checked. A document that was read from the gateway, with its
 * revision, may be sent back as it is; one without an id is the address's.
 *
 * @throws GatewayError `config_invalid` with a pointer and what would be right for each mistake
 */
export async function readEdited(given: GivenDocument, edited: EditedDocument): Promise<Experiment> {
  const document = "json" in given ? given.json : await fromYaml(given.yaml, edited.readYaml)
  const parsed = parseExperiment(isObject(document) ? own(document, edited) : document)
  if (!parsed.ok)
    throw invalid(parsed.issues.map(({ path, message }) => ({ pointer: pointerTo(path), detail: message })))
  const { experiment } = parsed
  if (experiment.id !== edited.id) {
    throw invalid([{ pointer: "/id", detail: `must be ${edited.id}, as in the address, or be left out` }])
  }
  const problems = await Promise.all(
    experiment.variants.map(async ({ backend }, index): Promise<InputError[]> => {
      const problem = await edited.check(backend)
      return problem === undefined ? [] : [{ pointer: `/variants/${index}/backend`, detail: problem }]
    }),
  )
  const found = problems.flat()
  if (found.length > 0) throw invalid(found)
  return experiment
}

async function fromYaml(text: string, readYaml: ReadYaml): Promise<unknown> {
  const read = await readYaml(text)
  if (read.ok) return read.document
  throw invalid(
    read.issues.map(({ path, line, message }) => ({ pointer: pointerTo(path), detail: `line ${line}: ${message}` })),
  )
}

/** Without the revision that it was read with. Another one than is edited was not read, and is not ours to take. */
function own(document: Readonly<Record<string, unknown>>, { id, revision: current }: EditedDocument): unknown {
  const { revision, ...rest } = document
  if (revision !== undefined && revision !== current) {
    throw invalid([
      { pointer: "/revision", detail: `is given by the gateway: leave it out, or send ${current} as it was read` },
    ])
  }
  return { id, ...rest }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

/** RFC 6901. */
function pointerTo(path: DocumentIssue["path"]): string {
  return path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("")
}

function invalid(errors: readonly InputError[]): GatewayError {
  return new GatewayError("config_invalid", { detail: "Nothing was changed: the document is not valid.", errors })
}
