import { join } from "node:path"
import { parseArgs } from "node:util"
import { sha256 } from "../adapters/ndjson/audit-log.ts"
import { lastHeads, readAuditLines } from "../adapters/ndjson/audit-reader.ts"
import { logFolders } from "../adapters/ndjson/log-folders.ts"
import { type AuditVerdict, verifyAudit } from "../app/verify-audit.ts"
import { AUDIT_FILE } from "../entry/upkeep.ts"
import type { Command } from "./command.ts"
import { Refusal, refuse } from "./refusal.ts"

export const audit: Command = {
  name: "audit",
  summary: "Check that the audit trail is as it was written",
  usage: `npm run cli -- audit verify [--data-dir DIR] [--json]

Checks every line of DIR/audit.ndjson: each carries the hash of the one before,
so that a changed, missing, added or reordered line shows. That no lines are
missing at its end shows by the heads in the outcome log. Works beside a running
gateway. Exits 1 where anything is wrong.

  --data-dir DIR   default: DATA_DIR, or ./data
  --json           one JSON document: {"valid","lines","head","streamed",
                   "problems":[{"line","message"}]}`,
  run: async (args, io) => {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { "data-dir": { type: "string" }, json: { type: "boolean", default: false } },
    })
    if (positionals.join(" ") !== "verify") {
      refuse(io, "audit", 'say what to do with the audit trail: "verify" checks it')
      return 1
    }
    const dataDir = values["data-dir"] ?? io.env["DATA_DIR"] ?? "./data"
    try {
      const verdict = await verify(dataDir)
      const valid = verdict.problems.length === 0
      io.stdout.write(values.json ? `${JSON.stringify({ valid, ...verdict })}\n` : describe(verdict))
      return valid ? 0 : 1
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      refuse(io, "audit", error.message)
      return 1
    }
  },
}

async function verify(dataDir: string): Promise<AuditVerdict> {
  const path = join(dataDir, AUDIT_FILE)
  // First: what is streamed while the trail is read would seem to be missing from it.
  const heads = await lastHeads((await logFolders(dataDir)).map(({ folder }) => folder))
  try {
    return await verifyAudit(readAuditLines(path), heads, sha256)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw new Refusal(`${path} can't be read (${code}). Name a gateway's data folder with --data-dir`)
  }
}

function describe({ lines, head, streamed, problems }: AuditVerdict): string {
  const found = problems.map(({ line, message }) => `line ${line} ${message}\n`).join("")
  const reach =
    streamed === undefined
      ? "The outcome log has no head of it: whether lines are missing at its end can't be told.\n"
      : `The outcome log has its head at line ${streamed.seq}.\n`
  const verdict = problems.length === 0 ? "as they were written" : `with ${problems.length} problems`
  return `${found}${lines} lines ${verdict}, up to ${head?.hash ?? "nothing"}.\n${reach}`
}
