import { randomFillSync } from "node:crypto"
import { withDeadlines } from "../app/deadline.ts"
import { KeyManagement, type KeyManagementParts } from "../app/manage-keys.ts"
import type { KeyStore } from "../ports/key-store.ts"
import type { Logger } from "../ports/logger.ts"
import { digestSecret } from "./authorization.ts"
import { machineClock } from "./machine-clock.ts"

/** The API keys of a process: one thread of it manages them. @param putInForce tells all that check requests */
export function createKeyManagement(
  store: KeyStore,
  putInForce: KeyManagementParts["putInForce"],
  logger: Logger,
): KeyManagement {
  return new KeyManagement({
    store: withDeadlines(store),
    clock: machineClock,
    logger,
    randomBytes: (target) => void randomFillSync(target),
    digest: digestSecret,
    putInForce,
  })
}
