import { existsSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"

const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "bandit-gateway")

/** A server that `scripts/setup-tools.sh` unpacks; of whatever else has that name on the PATH where it could not. */
export function newerServer(name: "redis-server-8" | "valkey-server"): string {
  const path = join(CACHE, "bin", name)
  return existsSync(path) ? path : name
}
