import { keptSigningKey } from "../adapters/node-files/signing-keys.ts"
import { keptUnitKey } from "../adapters/node-files/unit-key.ts"
import { type Config, ConfigError } from "../config.ts"
import type { Logger } from "../ports/logger.ts"
import type { SigningKey } from "./gateway.ts"

/** The keys of a data folder, as plain data. */
export interface Keys {
  /** Newest first. */
  readonly signingKeys: readonly [SigningKey, ...SigningKey[]]
  readonly unitKey: Uint8Array
}

/** The keys that the gateway goes by: those of the settings, and for the rest those made at the first start and kept in the data folder. */
export interface KeptKeys extends Keys {
  /** Why a key that was made at the start isn't kept yet; undefined where all are. */
  problem(): string | undefined
  /** Tries again what a full disk refused. Never rejects. */
  keep(): Promise<void>
}

/** @throws GatewayError `config_invalid` when a file in the folder is there but isn't a key */
export async function openKeys(
  config: Pick<Config, "signingKeys" | "unitKey">,
  dataDir: string,
  logger: Logger,
): Promise<KeptKeys> {
  const ownKey = config.signingKeys === undefined ? await keptSigningKey(dataDir) : undefined
  const ownUnitKey = config.unitKey === undefined ? await keptUnitKey(dataDir) : undefined
  const unitKey = config.unitKey ?? ownUnitKey?.key
  if (unitKey === undefined) throw new ConfigError(["UNIT_KEY has no key"])
  const files = [
    ...(ownKey === undefined ? [] : [{ name: "signing key", file: ownKey.file }]),
    ...(ownUnitKey === undefined ? [] : [{ name: "unit key", file: ownUnitKey.file }]),
  ]
  for (const { name, file } of files) {
    if (file.problem !== undefined) logger.error({ problem: file.problem }, `the ${name} can't be kept yet`)
  }
  return {
    signingKeys: keysOf(config.signingKeys, ownKey),
    unitKey,
    problem: () => {
      const missing = files.find(({ file }) => file.problem !== undefined)
      return missing === undefined ? undefined : `the ${missing.name} is not kept yet: ${missing.file.problem}`
    },
    keep: async () => {
      for (const { name, file } of files) {
        if (file.problem === undefined) continue
        await file.keep()
        if (file.problem === undefined) logger.info({}, `the ${name} is kept`)
      }
    },
  }
}

function keysOf(given: Config["signingKeys"], own: SigningKey | undefined): [SigningKey, ...SigningKey[]] {
  // The file object of an own key is nobody else's.
  const [first, ...rest] = [...(given ?? []), ...(own === undefined ? [] : [own])].map(({ id, key }) => ({ id, key }))
  if (first === undefined) throw new ConfigError(["SIGNING_KEYS has no key"])
  return [first, ...rest]
}
