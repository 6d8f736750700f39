import { readFile } from "node:fs/promises"
import { type ExperimentEdit, type GatewayClient, GatewayProblem } from "../../examples/client.ts"
import { ExperimentFolder } from "../adapters/experiment-folder/folder.ts"
import { describeProblem } from "../domain/document-issues.ts"
import type { Io } from "./command.ts"
import type { ExperimentOptions } from "./experiments-options.ts"
import { describeEdit } from "./experiments-text.ts"
import { Refusal } from "./refusal.ts"

/**
 * Publishes a document, or each of a folder: shows what is different, and then makes it so, unless somebody has published meanwhile. Every
 * document is read before any is published.
 *
 * @returns the exit code
 */
export async function applyDocuments(
  client: GatewayClient,
  path: string,
  options: ExperimentOptions,
  io: Io,
): Promise<number> {
  const documents = await readDocuments(path)
  for (const { id, text } of documents) await applyDocument(client, id, text, options, io)
  return 0
}

/** @throws Refusal with everything that is wrong, where anything is */
async function readDocuments(path: string): Promise<readonly { readonly id: string; readonly text: string }[]> {
  const found = await look(path)
  const problems = found.flatMap((document) => (document.ok ? [] : document.problems.map(describeProblem)))
  if (problems.length > 0) throw new Refusal(`nothing was published:\n${problems.join("\n")}`)
  if (found.length === 0) throw new Refusal(`${path} has no documents (*.yaml, *.yml, *.json)`)
  return await Promise.all(
    found.map(async (document) => {
      return { id: document.ok ? document.experiment.id : "", text: await readFile(document.file, "utf8") }
    }),
  )
}

async function look(path: string) {
  try {
    // Whether the models are there, the gateway knows.
    return await new ExperimentFolder(path, async () => undefined).look()
  } catch (error) {
    throw new Refusal(`can't read ${path} (${(error as NodeJS.ErrnoException).code ?? String(error)})`)
  }
}

async function applyDocument(
  client: GatewayClient,
  id: string,
  text: string,
  options: ExperimentOptions,
  io: Io,
): Promise<void> {
  const say = (edit: ExperimentEdit): void => {
    io.stdout.write(options.json ? `${JSON.stringify(edit)}\n` : describeEdit(edit))
  }
  const { reason, reset, keep } = options
  const seen = await seenOf(client, id)
  const edit = { experiment: id, body: text, reason, reset, keep, ...seen }
  const { body: review } = await client.putExperiment({ ...edit, dryRun: true })
  say(review)
  if (options["dry-run"]) return
  const lost = review.series.filter(({ before, after, why }) => before > 0 && after > before && why !== "reset")
  if (lost.length > 0 && !options["begin-anew"]) {
    const names = lost.map(({ variant }) => variant).join(", ")
    throw new Refusal(
      `${id} is not published: what was learned of ${names} would begin anew. Say --begin-anew, or --keep ${names} with a reason`,
    )
  }
  if (review.changes.length === 0 && reset === undefined) return
  const { body: published } = await client.putExperiment(edit)
  if (options.json) say(published)
  else io.stdout.write(`${id}: published, at revision ${published.revision}\n`)
}

/** What the document is compared with, so that nobody else's edit in between is lost. */
async function seenOf(
  client: GatewayClient,
  experiment: string,
): Promise<{ readonly ifMatch: string | undefined } | { readonly ifNoneMatch: "*" }> {
  try {
    return { ifMatch: (await client.readExperiment({ experiment })).etag }
  } catch (error) {
    if (error instanceof GatewayProblem && error.problem.code === "experiment_not_found") return { ifNoneMatch: "*" }
    throw error
  }
}
