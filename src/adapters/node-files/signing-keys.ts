import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { GatewayError } from "../../domain/errors.ts"
import { type KeptText, keptText } from "./kept-file.ts"

const KEY_BYTES = 32
const LINE = /^([a-z0-9]{1,4}):([A-Za-z0-9_-]{43})$/

/** A signing key, and whether the next start will have it too: tokens signed until it is kept are void after a restart. */
export interface KeptKey {
  readonly id: string
  readonly key: Uint8Array
  readonly file: KeptText
}

/**
 * The signing key of a data folder, made at the first start and kept there, readable by its owner alone. One process at a time has the folder.
 *
 * A disk that is full keeps no gateway from starting: the key is kept as soon as there is room.
 *
 * @throws GatewayError `config_invalid` when the file is there but isn't a key: signing with another would void every token that is out
 */
export async function keptSigningKey(dataDir: string): Promise<KeptKey> {
  const path = join(dataDir, "signing-key")
  const file = await keptText(path, () => `k1:${randomBytes(KEY_BYTES).toString("base64url")}\n`)
  const match = LINE.exec(file.text.trim())
  if (match === null) {
    throw new GatewayError("config_invalid", {
      detail: `${path} is not a signing key: restore it, or remove it to start with a new one`,
    })
  }
  return { id: match[1] as string, key: Buffer.from(match[2] as string, "base64url"), file }
}
