import type { createLogger } from "../adapters/pino/logger.ts"
import type { Config } from "../config.ts"
import type { SharedStore } from "./shared-store.ts"

/** What a start goes by, in one thread or in several. */
export interface Start {
  readonly config: Config
  readonly dataDir: string
  readonly logger: ReturnType<typeof createLogger>
  /** The store that gateways share, where there is one. */
  readonly shared: SharedStore | undefined
  /** Lets go of the data folder. */
  readonly unlock: () => void
}
