import { homedir } from "node:os"
import { join } from "node:path"

/** Where `scripts/setup-tools.sh` and the benchmarks keep what they have built or downloaded. */
export function cacheFolder(): string {
  return join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "bandit-gateway")
}
