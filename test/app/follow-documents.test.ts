import { describe, expect, it } from "vitest"
import { createMemoryExperimentStore } from "#src/adapters/memory/experiment-store.ts"
import { DocumentFollower } from "#src/app/follow-documents.ts"
import { GatewayError } from "#src/domain/errors.ts"
import { parseExperiment } from "#src/domain/experiment.ts"
import type { SourceDocument } from "#src/ports/document-source.ts"
import type { ExperimentStore } from "#src/ports/experiment-store.ts"
import { createRig } from "./rig.ts"

const API = { actor: "Ann", source: "api" } as const

const experiment = (id: string, description = "") => {
  const parsed = parseExperiment({
    id,
    description,
    variants: [{ id: "a", backend: { kind: "embedded", model: "a" } }],
    control: "a",
    policy: { kind: "static" },
  })
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues))
  return parsed.experiment
}

/** A folder that tests write to by name: a description makes a document of the experiment, `undefined` a text that can't be read. */
class Folder {
  readonly name = "folder"
  readonly #files = new Map<string, SourceDocument>()
  /** Files that were taken away. */
  readonly #away = new Map<string, SourceDocument>()
  #writes = 0

  write(file: string, id: string, description = ""): void {
    this.#put(file, { ok: true, file, experiment: experiment(id, description) })
  }

  spoil(file: string, id?: string): void {
    const problems = [{ file, line: 1, column: 1, path: "", message: "is broken" }]
    this.#put(file, { ok: false, file, id, anonymous: id === undefined, problems })
  }

  delete(file: string): void {
    const document = this.#files.get(file)
    if (document !== undefined) this.#away.set(file, document)
    this.#files.delete(file)
  }

  /** As it was: nobody has written to it since. */
  putBack(file: string): void {
    const document = this.#away.get(file)
    if (document !== undefined) this.#files.set(file, document)
  }

  look = async () => [...this.#files.values()]

  #put(
    file: string,
    document:
      | Omit<Extract<SourceDocument, { ok: true }>, "version">
      | Omit<Extract<SourceDocument, { ok: false }>, "version">,
  ) {
    this.#writes += 1
    this.#files.set(file, { ...document, version: String(this.#writes) })
  }
}

/** A store that can be away. */
function interruptible(store: ExperimentStore) {
  const state = { away: false }
  const guard = <T>(work: () => Promise<T>): Promise<T> =>
    state.away ? Promise.reject(new GatewayError("store_unavailable", { detail: "told to" })) : work()
  const interrupted: ExperimentStore = {
    latest: () => guard(() => store.latest()),
    newest: () => guard(() => store.newest()),
    history: (id) => guard(() => store.history(id)),
    append: (revision, after) => guard(() => store.append(revision, after)),
  }
  return { state, store: interrupted }
}

/** A gateway of its own, with its own log, over a store and a folder. `start` is what a process does first. */
function gatewayOver(store: ExperimentStore, folder: Folder) {
  const rig = createRig({ store })
  const follower = new DocumentFollower({
    source: folder,
    publisher: rig.publisher,
    logger: rig.logger,
    check: async () => undefined,
  })
  return {
    ...rig,
    follower,
    /** What is served of an experiment: its revision and description. */
    served: (id = "e") => {
      const { snapshot } = rig.experiments.get(id) ?? {}
      return snapshot === undefined ? undefined : `${snapshot.revision} ${snapshot.experiment.description}`
    },
    eventIds: async () => (await rig.events()).map(({ eventId }) => eventId),
  }
}

describe("given a folder and a store", () => {
  it("publishes what is written, removes what is deleted, and leaves alone what did not change", async () => {
    const folder = new Folder()
    const gateway = gatewayOver(createMemoryExperimentStore(), folder)
    folder.write("e.yaml", "e", "one")
    folder.write("f.yaml", "f", "one")
    await gateway.follower.look()
    expect([gateway.served(), gateway.served("f")]).toEqual(["1 one", "1 one"])
    folder.write("e.yaml", "e", "two")
    await gateway.follower.look()
    await gateway.follower.look()
    expect([gateway.served(), gateway.served("f")]).toEqual(["2 two", "1 one"])
    folder.delete("e.yaml")
    await gateway.follower.look()
    expect([gateway.served(), gateway.experiments.wasRemoved("e")]).toEqual([undefined, true])
    expect(await gateway.eventIds()).toEqual(["e-e-1", "e-f-1", "e-e-2", "e-e-3"])
  })

  it("tells which documents can be served, published or not", async () => {
    const folder = new Folder()
    const { follower, publisher } = gatewayOver(createMemoryExperimentStore(), folder)
    folder.write("e.yaml", "e", "one")
    folder.write("f.yaml", "f", "one")
    await follower.look()
    await publisher.publish(experiment("e", "by Ann"), API)
    folder.spoil("f.yaml", "f")
    await follower.look()
    expect(follower.written.map(({ id, description }) => `${id} ${description}`)).toEqual(["e one"])
  })

  it("keeps experiments that were made over the API, and those that the API has changed", async () => {
    const folder = new Folder()
    const gateway = gatewayOver(createMemoryExperimentStore(), folder)
    folder.write("e.yaml", "e", "one")
    await gateway.follower.look()
    await gateway.publisher.publish(experiment("e", "by Ann"), API)
    await gateway.publisher.publish(experiment("f", "by Ann"), API)
    folder.delete("e.yaml")
    await gateway.follower.look()
    await gateway.follower.look()
    expect([gateway.served(), gateway.served("f")]).toEqual(["2 by Ann", "1 by Ann"])
  })

  it("serves after a restart what is stored, also without a file", async () => {
    const [folder, store] = [new Folder(), createMemoryExperimentStore()]
    const first = gatewayOver(store, folder)
    folder.write("e.yaml", "e", "one")
    folder.write("g.yaml", "g", "one")
    await first.follower.look()
    await first.publisher.publish(experiment("f", "by Ann"), API)
    folder.delete("e.yaml")
    folder.spoil("g.yaml", "g")
    const second = gatewayOver(store, folder)
    await second.follower.look()
    expect(["e", "f", "g"].map((id) => second.served(id))).toEqual(["1 one", "1 by Ann", "1 one"])
    expect((await second.eventIds()).toSorted()).toEqual(["e-e-1", "e-f-1", "e-g-1"])
    expect(second.follower.problems).toHaveLength(1)
  })

  it("takes nothing for removed while a text without an id may be the missing document", async () => {
    const folder = new Folder()
    const gateway = gatewayOver(createMemoryExperimentStore(), folder)
    folder.write("e.yaml", "e", "one")
    await gateway.follower.look()
    folder.delete("e.yaml")
    folder.spoil("renamed.yaml")
    await gateway.follower.look()
    expect(gateway.served()).toBe("1 one")
    folder.write("renamed.yaml", "e", "one")
    await gateway.follower.look()
    expect(gateway.served()).toBe("1 one")
    folder.spoil("renamed.yaml")
    await gateway.follower.look()
    expect(gateway.served()).toBe("1 one")
    folder.delete("renamed.yaml")
    await gateway.follower.look()
    expect(gateway.served()).toBeUndefined()
  })

  it.each([
    ["is written again", (folder: Folder) => folder.write("e.yaml", "e", "one")],
    ["is there again as it was: a volume that was away for a moment", (folder: Folder) => folder.putBack("e.yaml")],
  ])("brings a removed experiment back when its file %s", async (_, bringBack) => {
    const folder = new Folder()
    const gateway = gatewayOver(createMemoryExperimentStore(), folder)
    folder.write("e.yaml", "e", "one")
    await gateway.follower.look()
    folder.delete("e.yaml")
    await gateway.follower.look()
    bringBack(folder)
    await gateway.follower.look()
    expect([gateway.served(), gateway.experiments.wasRemoved("e")]).toEqual(["3 one", false])
  })

  it("publishes at the start an edit that was made while it was down", async () => {
    const [folder, store] = [new Folder(), createMemoryExperimentStore()]
    folder.write("e.yaml", "e", "one")
    await gatewayOver(store, folder).follower.look()
    folder.write("e.yaml", "e", "two")
    const second = gatewayOver(store, folder)
    await second.follower.look()
    expect(second.served()).toBe("2 two")
  })
})

describe("given two deployments over one store", () => {
  it("doesn't let an older one take back what a newer one has published, however often they start", async () => {
    const store = createMemoryExperimentStore()
    const [older, newer] = [new Folder(), new Folder()]
    older.write("e.yaml", "e", "one")
    newer.write("e.yaml", "e", "two")
    newer.write("f.yaml", "f", "new")
    const first = gatewayOver(store, older)
    await first.follower.look()
    for (let round = 0; round < 3; round++) {
      const [restartedOlder, restartedNewer] = [gatewayOver(store, older), gatewayOver(store, newer)]
      for (const { follower } of [restartedNewer, restartedOlder, restartedNewer, restartedOlder]) await follower.look()
      for (const gateway of [restartedOlder, restartedNewer]) {
        expect([gateway.served(), gateway.served("f")]).toEqual(["2 two", "1 new"])
      }
    }
    await first.follower.look()
    expect(first.served()).toBe("2 two")
    expect((await store.history(experiment("e").id)).map(({ revision }) => revision)).toEqual([1, 2])
    expect(await first.eventIds()).toEqual(["e-e-1", "e-e-2", "e-f-1"])
  })

  it("publishes an older document again when its file is written while it runs", async () => {
    const store = createMemoryExperimentStore()
    const [older, newer] = [new Folder(), new Folder()]
    older.write("e.yaml", "e", "one")
    newer.write("e.yaml", "e", "two")
    const [first, second] = [gatewayOver(store, older), gatewayOver(store, newer)]
    for (const { follower } of [first, second, first]) await follower.look()
    older.write("e.yaml", "e", "one")
    for (const { follower } of [first, second, first, second]) await follower.look()
    expect([first.served(), second.served()]).toEqual(["3 one", "3 one"])
  })

  it("publishes once what both write at the same time, and settles where they differ", async () => {
    const store = createMemoryExperimentStore()
    const [left, right] = [new Folder(), new Folder()]
    const [first, second] = [gatewayOver(store, left), gatewayOver(store, right)]
    const both = async () => {
      await Promise.all([first.follower.look(), second.follower.look()])
      await Promise.all([first.follower.look(), second.follower.look()])
    }
    left.write("e.yaml", "e", "one")
    right.write("e.yaml", "e", "one")
    await both()
    expect([first.served(), second.served()]).toEqual(["1 one", "1 one"])
    left.write("e.yaml", "e", "left")
    right.write("e.yaml", "e", "right")
    await both()
    expect(first.served()).toMatch(/^3 (left|right)$/)
    expect(second.served()).toBe(first.served())
    for (let i = 0; i < 5; i++) await both()
    expect(second.served()).toMatch(/^3 /)
    expect([first.follower.problems, second.follower.problems]).toEqual([[], []])
  })

  it("removes everywhere what one folder has deleted", async () => {
    const store = createMemoryExperimentStore()
    const [left, right] = [new Folder(), new Folder()]
    left.write("e.yaml", "e", "one")
    right.write("e.yaml", "e", "one")
    const [first, second] = [gatewayOver(store, left), gatewayOver(store, right)]
    for (const { follower } of [first, second]) await follower.look()
    left.delete("e.yaml")
    for (const { follower } of [first, second, second]) await follower.look()
    expect([first.served(), second.served(), second.experiments.wasRemoved("e")]).toEqual([undefined, undefined, true])
  })
})

describe("given a store that is away", () => {
  it("serves documents as revision 0 from the start, and under a stored revision once it is back", async () => {
    const folder = new Folder()
    const { state, store } = interruptible(createMemoryExperimentStore())
    folder.write("e.yaml", "e", "one")
    state.away = true
    const gateway = gatewayOver(store, folder)
    await gateway.follower.look()
    expect([gateway.served(), await gateway.eventIds()]).toEqual(["0 one", []])
    expect(gateway.follower.problems).toEqual([expect.objectContaining({ message: expect.stringMatching(/told to/) })])
    state.away = false
    await gateway.follower.look()
    expect([gateway.served(), gateway.follower.problems, await gateway.eventIds()]).toEqual(["1 one", [], ["e-e-1"]])
  })

  it("keeps to the rules of a start when it comes back", async () => {
    const inner = createMemoryExperimentStore()
    const [older, newer] = [new Folder(), new Folder()]
    older.write("e.yaml", "e", "one")
    newer.write("e.yaml", "e", "two")
    for (const folder of [older, newer]) await gatewayOver(inner, folder).follower.look()
    const { state, store } = interruptible(inner)
    state.away = true
    const gateway = gatewayOver(store, older)
    await gateway.follower.look()
    expect(gateway.served()).toBe("0 one")
    state.away = false
    await gateway.follower.look()
    expect(gateway.served()).toBe("2 two")
  })

  it("tries an edit and a removal again until they are stored, and holds back no other document", async () => {
    const folder = new Folder()
    const { state, store } = interruptible(createMemoryExperimentStore())
    folder.write("e.yaml", "e", "one")
    folder.write("f.yaml", "f", "one")
    const gateway = gatewayOver(store, folder)
    await gateway.follower.look()
    state.away = true
    folder.write("e.yaml", "e", "two")
    folder.delete("f.yaml")
    await gateway.follower.look()
    await gateway.follower.look()
    expect([gateway.served(), gateway.served("f")]).toEqual(["1 one", "1 one"])
    expect(gateway.logger.messages.filter((message) => /can't be published/.test(message))).toHaveLength(1)
    state.away = false
    await gateway.follower.look()
    expect([gateway.served(), gateway.served("f")]).toEqual(["2 two", undefined])
  })
})

it("reports a source that can't be read, and goes on serving", async () => {
  const folder = new Folder()
  const gateway = gatewayOver(createMemoryExperimentStore(), folder)
  folder.write("e.yaml", "e", "one")
  await gateway.follower.look()
  folder.look = () => Promise.reject(new Error("EACCES"))
  await gateway.follower.look()
  expect([gateway.served(), gateway.follower.problems[0]?.message]).toEqual(["1 one", "can't be read: EACCES"])
})
