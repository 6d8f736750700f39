import { join } from "node:path"
import { readJson } from "../../domain/json-text.ts"
import type { SharedAllocation } from "../../ports/allocation-store.ts"
import type { Logger } from "../../ports/logger.ts"
import { readIfThere, writeWhole } from "./whole-file.ts"

const SAVE_EVERY_MS = 10_000

/** The last allocation of each experiment, for a start that can't reach the store. */
export interface LastAllocations {
  get(experiment: string): SharedAllocation | undefined
  /** Keeps one, in the file some seconds later. One of an earlier revision than is known, of a store that was set back, is left. */
  set(experiment: string, allocation: SharedAllocation): void
  /** Writes what isn't written yet. Never rejects. */
  save(): Promise<void>
}

/** In a file of the data folder, replaced whole. One that can't be read is as good as none. */
export async function openLastAllocations(dataDir: string, logger: Logger): Promise<LastAllocations> {
  const path = join(dataDir, "allocations.json")
  const known = new Map(Object.entries(await load(path, logger)))
  let timer: NodeJS.Timeout | undefined

  async function save(): Promise<void> {
    if (timer === undefined) return
    clearTimeout(timer)
    timer = undefined
    try {
      await writeWhole(path, JSON.stringify({ v: 1, allocations: Object.fromEntries(known) }), 0o600)
    } catch (error) {
      logger.warn({ path, err: error }, "the last allocations can't be written")
    }
  }

  return {
    get: (experiment) => known.get(experiment),
    set: (experiment, allocation) => {
      if (allocation.revision < (known.get(experiment)?.revision ?? 0)) return
      known.set(experiment, allocation)
      timer ??= setTimeout(() => void save(), SAVE_EVERY_MS).unref()
    },
    save,
  }
}

async function load(path: string, logger: Logger): Promise<Readonly<Record<string, SharedAllocation>>> {
  try {
    const text = await readIfThere(path)
    if (text === undefined) return {}
    const value = readJson(text) as { v?: unknown; allocations?: Record<string, SharedAllocation> } | undefined
    if (value?.v === 1 && value.allocations !== undefined) return value.allocations
    logger.warn({ path }, "not allocations; experiments begin from what the store says")
  } catch (error) {
    logger.warn({ path, err: error }, "the last allocations can't be read")
  }
  return {}
}
