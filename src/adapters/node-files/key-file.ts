import { join } from "node:path"
import * as z from "zod"
import { GatewayError } from "../../domain/errors.ts"
import { PERMISSIONS } from "../../domain/permissions.ts"
import type { ReplaceableKeyStore, StoredKey } from "../../ports/key-store.ts"
import { readIfThere, writeWhole } from "./whole-file.ts"

const time = z.int().min(0)
const storedKey: z.ZodType<StoredKey> = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{16}$/),
  name: z.string(),
  digest: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  permissions: z.array(z.enum(PERMISSIONS)),
  experiments: z.array(z.string()).nullable(),
  requestsPerSecond: z.number().positive().nullable(),
  createdAt: time,
  createdBy: z.string(),
  expiresAt: time.nullable(),
  lastUsedAt: time.nullable(),
})
const keyFile = z.strictObject({ v: z.literal(1), keys: z.array(storedKey) })

/**
 * The API keys of a data folder in a file of it, readable by its owner alone. One process at a time has the folder.
 *
 * They are not in the database, which is a fold of the outcome log and may be moved away: keys could not be made anew from anything.
 */
export function createKeyFile(dataDir: string): ReplaceableKeyStore {
  const path = join(dataDir, "api-keys.json")
  let known: ReadonlyMap<string, StoredKey> | undefined
  /** What is under way: the next one begins with what it has left. */
  let turn: Promise<unknown> = Promise.resolve()

  const load = async (): Promise<ReadonlyMap<string, StoredKey>> => {
    known ??= new Map((await readKeys(path)).map((key) => [key.id, key]))
    return known
  }

  /** @param change what becomes of the keys; undefined where nothing changes */
  const write = async (
    change: (keys: ReadonlyMap<string, StoredKey>) => ReadonlyMap<string, StoredKey> | undefined,
  ): Promise<boolean> => {
    const next = change(await load())
    if (next === undefined) return false
    try {
      await writeWhole(path, `${JSON.stringify({ v: 1, keys: [...next.values()] })}\n`, 0o600)
    } catch (cause) {
      throw new GatewayError("store_unavailable", { detail: `[keys] ${path} can't be written`, cause })
    }
    known = next
    return true
  }

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work)
    turn = result.catch(() => undefined)
    return result
  }

  return {
    all: () => inTurn(async () => [...(await load()).values()]),
    replace: async (keys) => {
      await inTurn(() => write(() => new Map(keys.map((key) => [key.id, key]))))
    },
    add: async (key) => {
      await inTurn(() => write((keys) => new Map([...keys, [key.id, key]])))
    },
    remove: (id) =>
      inTurn(() => write((keys) => (keys.has(id) ? new Map([...keys].filter(([other]) => other !== id)) : undefined))),
    used: async (uses) => {
      await inTurn(() =>
        write((keys) => {
          const later = uses.flatMap(({ id, at }): [string, StoredKey][] => {
            const key = keys.get(id)
            return key === undefined || at <= (key.lastUsedAt ?? 0) ? [] : [[id, { ...key, lastUsedAt: at }]]
          })
          return later.length === 0 ? undefined : new Map([...keys, ...later])
        }),
      )
    },
  }
}

/** @throws GatewayError `config_invalid` where the file is damaged: going on without it would shut everybody out, or let a revoked key in */
async function readKeys(path: string): Promise<readonly StoredKey[]> {
  let text: string | undefined
  try {
    text = await readIfThere(path)
  } catch (cause) {
    throw new GatewayError("store_unavailable", { detail: `[keys] ${path} can't be read`, cause })
  }
  if (text === undefined) return []
  try {
    return keyFile.parse(JSON.parse(text)).keys
  } catch (cause) {
    throw new GatewayError("config_invalid", {
      detail: `${path} is not a file of API keys: restore it, or move it away to begin without the keys that were made`,
      cause,
    })
  }
}
