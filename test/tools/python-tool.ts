import { existsSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"

const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "bandit-gateway")

/** A program in the virtual environment of a Python tool, `python` where none is named. */
export function pythonTool(tool: string, program = "python"): string {
  const path = join(CACHE, tool, "bin", program)
  if (!existsSync(path)) throw new Error(`${path} is missing: run scripts/setup-tools.sh ${tool}`)
  return path
}
