import { existsSync } from "node:fs"
import { join } from "node:path"
import type { Io } from "./command.ts"
import { Refusal } from "./refusal.ts"

/** Where outcomes are read from: a gateway's data folder, or a stream. */
export type OutcomeSource =
  | { readonly kind: "folder"; readonly dataDir: string }
  | { readonly kind: "stream"; readonly stream: string }

/** @throws Refusal */
export function outcomeSource(
  given: { readonly "data-dir"?: string | undefined; readonly stream?: string | undefined },
  { env }: Pick<Io, "env">,
): OutcomeSource {
  const { "data-dir": folder, stream } = given
  if (stream !== undefined) {
    if (folder !== undefined) throw new Refusal("give --data-dir or --stream, not both")
    return { kind: "stream", stream }
  }
  const dataDir = folder ?? env["DATA_DIR"] ?? "./data"
  const outcomes = join(dataDir, "outcomes")
  if (existsSync(outcomes)) return { kind: "folder", dataDir }
  throw new Refusal(`there is no ${outcomes}. Name a gateway's data folder with --data-dir, or a stream with --stream`)
}
