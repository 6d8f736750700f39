import type { ManageKeys } from "../../app/manage-keys.ts"
import { GatewayError } from "../../domain/errors.ts"
import { isoTime } from "../../domain/iso-time.ts"
import type { Permission } from "../../domain/permissions.ts"
import type { Clock } from "../../ports/clock.ts"
import type { StoredKey } from "../../ports/key-store.ts"
import { emptyAnswer, jsonAnswer } from "../call.ts"
import { readKeyWish } from "../contract/key-body.ts"
import type { OperationHandler } from "../operation-handler.ts"
import { parseJsonBytes } from "../strict-json.ts"

export interface KeyRouteDeps {
  /** Why keys can't be made here, where that is so. */
  readonly keys: ManageKeys | { readonly unmanaged: string }
  /** Keys of the settings. */
  readonly configuredKeys: readonly { readonly name: string; readonly permissions: readonly Permission[] }[]
  readonly clock: Clock
}

/** `GET /admin/keys`. */
export function listKeysRoute({ keys, configuredKeys }: KeyRouteDeps): OperationHandler {
  return async () => {
    const made = "unmanaged" in keys ? [] : await keys.list()
    const configured = configuredKeys.map(({ name, permissions }) => ({ name, permissions }))
    return jsonAnswer({ keys: made.map(toJson), configured })
  }
}

/** `POST /admin/keys`. */
export function makeKeyRoute(deps: KeyRouteDeps): OperationHandler {
  return async (call, readBody, caller) => {
    const { bytes } = await readBody(call)
    const wish = readKeyWish(parseJsonBytes(bytes), deps.clock.now())
    const { key, secret } = await managed(deps).make(wish, caller.name)
    return jsonAnswer({ key: toJson(key), secret }, 201)
  }
}

/** `DELETE /admin/keys/{id}`. */
export function revokeKeyRoute(deps: KeyRouteDeps): OperationHandler {
  return async (call, _readBody, caller) => {
    if (await managed(deps).revoke(call.param("id") ?? "", caller.name)) return emptyAnswer(204)
    throw new GatewayError("not_found", { detail: "There is no key of this id: it never was, or has been revoked." })
  }
}

function managed({ keys }: KeyRouteDeps): ManageKeys {
  if ("unmanaged" in keys) throw new GatewayError("keys_not_managed", { detail: keys.unmanaged })
  return keys
}

/** Without what is nobody's business: even a digest. */
function toJson({ id, name, permissions, experiments, requestsPerSecond, ...key }: StoredKey) {
  const { createdAt, createdBy, expiresAt, lastUsedAt } = key
  return {
    id,
    name,
    permissions,
    experiments,
    requestsPerSecond,
    createdAt: isoTime(createdAt),
    createdBy,
    expiresAt: expiresAt === null ? null : isoTime(expiresAt),
    lastUsedAt: lastUsedAt === null ? null : isoTime(lastUsedAt),
  }
}
