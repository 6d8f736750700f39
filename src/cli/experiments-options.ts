import { parseArgs } from "node:util"

const OPTIONS = {
  address: { type: "string" },
  json: { type: "boolean", default: false },
  "dry-run": { type: "boolean", default: false },
  reason: { type: "string" },
  reset: { type: "string" },
  keep: { type: "string" },
  to: { type: "string" },
  from: { type: "string" },
  "begin-anew": { type: "boolean", default: false },
} as const

export type ExperimentOptions = ReturnType<typeof readArguments>["values"]

/** What is to be done, to what, and how. Throws what `parseArgs` throws. */
export function readArguments(args: readonly string[]) {
  return parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS })
}
