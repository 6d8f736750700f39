import { describe, expect, it } from "vitest"
import { parseExperimentId } from "#src/domain/experiment.ts"
import type { ExperimentStore, StoredRevision } from "#src/ports/experiment-store.ts"

export function revision(experiment: string, number: number, document: unknown): StoredRevision {
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
    lineage: { series: { champion: 2 }, epoch: 3, metrics: {} },
    ...(number === 2 ? { reason: "too many “errors”", held: "running" as const } : {}),
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
      await store.append(at(revisions, 0), 0)
      await store.append(at(revisions, 1), 0)
      await store.append(at(revisions, 2), 1)
      await store.append(at(revisions, 3), 1)
      const byName = (a: { experiment: string }, b: { experiment: string }) => a.experiment.localeCompare(b.experiment)
      expect([...(await store.latest())].sort(byName)).toEqual([revisions[2], revisions[3]])
      expect([...(await store.newest())].sort(byName)).toEqual([
        { experiment: "banner", revision: 2 },
        { experiment: "footer", revision: 4 },
      ])
      expect(await store.history(at(revisions, 0).experiment)).toEqual([revisions[0], revisions[2]])
    })

    it("has no history of an experiment that there never was", async () => {
      expect(await (await open()).history(revision("banner", 1, {}).experiment)).toEqual([])
    })

    it("keeps the document as it was when it was appended", async () => {
      const store = await open()
      const document = { weight: 0.5 }
      await store.append(revision("banner", 1, document), 0)
      document.weight = 1
      expect((await store.latest())[0]?.document).toEqual({ weight: 0.5 })
    })

    it.each([
      ["which is the first", 0, 1],
      ["which another has replaced", 1, 3],
      ["which there is not yet", 3, 4],
    ])("refuses a revision after %s, and keeps what it had", async (_, after, number) => {
      const store = await open()
      await store.append(revision("banner", 1, { a: 1 }), 0)
      await store.append(revision("banner", 2, { a: 2 }), 1)
      await expect(store.append(revision("banner", number, { a: 3 }), after)).rejects.toMatchObject({
        code: "revision_conflict",
        message: expect.stringMatching(/is at revision 2/),
      })
      expect(await store.latest()).toEqual([revision("banner", 2, { a: 2 })])
    })

    it("lets one of many that replace the same revision win", async () => {
      const store = await open()
      await store.append(revision("banner", 1, {}), 0)
      const settled = await Promise.allSettled(
        [2, 3, 4].map((number) => store.append(revision("banner", number, {}), 1)),
      )
      expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(1)
    })

    it.each([1, 2])("refuses revision %i after revision 2", async (number) => {
      const store = await open()
      await store.append(revision("banner", 2, { a: 1 }), 0)
      await expect(store.append(revision("banner", number, { a: 2 }), 2)).rejects.toMatchObject({ code: "internal" })
      expect(await store.latest()).toEqual([revision("banner", 2, { a: 1 })])
    })
  })
}

function at(revisions: readonly StoredRevision[], index: number): StoredRevision {
  const one = revisions[index]
  if (one === undefined) throw new Error(`no revision at ${index}`)
  return one
}
