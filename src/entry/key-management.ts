import { randomFillSync } from "node:crypto"
import { createKeyFile } from "../adapters/node-files/key-file.ts"
import { withDeadlines } from "../app/deadline.ts"
import { rememberKeys } from "../app/last-known-keys.ts"
import { KeyManagement, type KeyManagementParts } from "../app/manage-keys.ts"
import type { KeyStore } from "../ports/key-store.ts"
import type { Logger } from "../ports/logger.ts"
import { digestSecret } from "./authorization.ts"
import { machineClock } from "./machine-clock.ts"
import type { SharedStore } from "./shared-store.ts"

/** Where API keys are: in the store that gateways share, with a copy in the data folder for a start without it; else in the data folder. */
export function keyStoreOf(
  shared: Pick<SharedStore, "keyStore"> | undefined,
  dataDir: string,
  logger: Logger,
): KeyStore {
  const file = createKeyFile(dataDir)
  return shared === undefined ? file : rememberKeys(shared.keyStore, file, logger)
}

/** The API keys of a process: one thread of it manages them. @param putInForce tells all that check requests */
export function createKeyManagement(
  store: KeyStore,
  audit: KeyManagementParts["audit"],
  putInForce: KeyManagementParts["putInForce"],
  logger: Logger,
): KeyManagement {
  return new KeyManagement({
    store: withDeadlines(store),
    audit,
    clock: machineClock,
    logger,
    randomBytes: (target) => void randomFillSync(target),
    digest: digestSecret,
    putInForce,
  })
}
