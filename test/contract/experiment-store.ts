import { describe, expect, it } from "vitest"
import { parseExperimentId } from "#src/domain/experiment.ts"
import type { ExperimentStore, StoredRevision } from "#src/ports/experiment-store.ts"

function revision(experiment: string, number: number, document: unknown): StoredRevision {
  const id = parseExperimentId(experiment)
  if (id === undefined) throw new Error(`${experiment} is no experiment id`)
  return {
    experiment: id,
    revision: number,
    at: 1_763_640_000_000 + number,
    document,
    source: number % 2 === 0 ? "api" : "folder",
    actor: "Ann",
    diff: [`document: ${number}`],
    models: { champion: "ab" },
  }
}

/** What every experiment store promises. `open` gives a fresh one. */
export function experimentStoreContract(name: string, open: () => Promise<ExperimentStore>): void {
  describe(`given ${name}`, () => {
    it("has no experiment at first", async () => {
      expect(await (await open()).latest()).toEqual([])
    })

    it("gives the newest revision of each experiment, removed ones included", async () => {
      const store = await open()
      const revisions = [
        revision("banner", 1, { policy: { kind: "static" } }),
        revision("footer", 1, { description: "Fuß ☃" }),
        revision("banner", 2, { policy: { kind: "thompson", minPropensity: 0.02 } }),
        revision("footer", 4, null),
      ]
      for (const one of revisions) await store.append(one)
      const latest = [...(await store.latest())].sort((a, b) => a.experiment.localeCompare(b.experiment))
      expect(latest).toEqual([revisions[2], revisions[3]])
    })

    it("keeps the document as it was when it was appended", async () => {
      const store = await open()
      const document = { weight: 0.5 }
      await store.append(revision("banner", 1, document))
      document.weight = 1
      expect((await store.latest())[0]?.document).toEqual({ weight: 0.5 })
    })

    it.each([1, 2])("refuses revision %i after revision 2, and keeps what it had", async (number) => {
      const store = await open()
      await store.append(revision("banner", 2, { a: 1 }))
      await expect(store.append(revision("banner", number, { a: 2 }))).rejects.toMatchObject({ code: "internal" })
      expect(await store.latest()).toEqual([revision("banner", 2, { a: 1 })])
    })
  })
}
