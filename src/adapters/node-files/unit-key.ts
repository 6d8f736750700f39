import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { GatewayError } from "../../domain/errors.ts"
import { type KeptText, keptText } from "./kept-file.ts"

const KEY_BYTES = 32
const LINE = /^[A-Za-z0-9_-]{43}$/

/**
 * The unit key of a data folder, made at the first start and kept there, readable by its owner alone. It is never rotated: every pseudonym and
 * unit group comes from it.
 *
 * @throws GatewayError `config_invalid` when the file is there but isn't a key: another would give every unit a new pseudonym
 */
export async function keptUnitKey(dataDir: string): Promise<{ readonly key: Uint8Array; readonly file: KeptText }> {
  const path = join(dataDir, "unit-key")
  const file = await keptText(path, () => `${randomBytes(KEY_BYTES).toString("base64url")}\n`)
  const text = file.text.trim()
  if (LINE.test(text)) return { key: Buffer.from(text, "base64url"), file }
  throw new GatewayError("config_invalid", {
    detail: `${path} is not a unit key: restore it, or remove it to give every unit a new pseudonym and group from now on`,
  })
}
