import { createHash, randomFillSync } from "node:crypto"
import { describe, expect, it } from "vitest"
import { createMemoryAuditLog } from "#src/adapters/memory/audit-log.ts"
import { createMemoryKeyStore } from "#src/adapters/memory/key-store.ts"
import { AuditTrail } from "#src/app/audit-trail.ts"
import { KeyManagement, type KeyWish, type LiveKey } from "#src/app/manage-keys.ts"
import { GatewayError } from "#src/domain/errors.ts"
import { KeyUse } from "#src/domain/key-use.ts"
import type { KeyStore } from "#src/ports/key-store.ts"
import { createRememberingLogger } from "#test/remembering-logger.ts"
import { FakeClock } from "./rig.ts"

const DAY_SECONDS = 86_400
const ADS: KeyWish = {
  name: "ads",
  permissions: ["predict"],
  experiments: null,
  requestsPerSecond: null,
  expiresAt: null,
}

function digest(secret: string): string {
  return createHash("sha256").update(secret).digest("base64url")
}

/** A store that may be away, or answer when it is told to. */
function createStore() {
  const memory = createMemoryKeyStore()
  const state: { away: boolean; readOnly: boolean; hold: Promise<void> | undefined } = {
    away: false,
    readOnly: false,
    hold: undefined,
  }
  const here = (): void => {
    if (state.away) throw new GatewayError("store_unavailable", { detail: "[test] away" })
  }
  const store: KeyStore = {
    all: async () => {
      here()
      const keys = await memory.all()
      // What was read is old by the time that it arrives.
      await state.hold
      return keys
    },
    add: async (key) => {
      here()
      await memory.add(key)
    },
    remove: async (id) => {
      here()
      if (state.readOnly) throw new GatewayError("store_unavailable", { detail: "[test] read only" })
      return await memory.remove(id)
    },
    used: async (uses) => {
      here()
      await memory.used(uses)
    },
  }
  return { store, state }
}

function createTrail(clock: FakeClock): AuditTrail {
  return new AuditTrail({
    log: createMemoryAuditLog(digest),
    stream: async () => {},
    clock,
    logger: createRememberingLogger(),
  })
}

function createGateway(store: KeyStore, clock = new FakeClock()) {
  const inForce: { keys: readonly LiveKey[] } = { keys: [] }
  const logger = createRememberingLogger()
  const audit = createTrail(clock)
  const management = new KeyManagement({
    store,
    audit,
    clock,
    logger,
    randomBytes: (target) => void randomFillSync(target),
    digest,
    putInForce: (keys) => {
      inForce.keys = keys
    },
  })
  return {
    management,
    audit,
    clock,
    logger,
    ids: () => inForce.keys.map(({ key }) => key.id),
    live: () => inForce.keys,
  }
}

describe("a key that is made", () => {
  it("has 256 bits that are kept nowhere, and is in force when it is answered", async () => {
    const { store } = createStore()
    const { management, live } = createGateway(store)
    const { key, secret } = await management.make(ADS, "first")
    expect(secret).toMatch(/^bgk_[A-Za-z0-9_-]{43}$/)
    expect(key).toMatchObject({ ...ADS, createdBy: "first", digest: digest(secret), lastUsedAt: null })
    expect(live().map((one) => one.key)).toEqual([key])
    expect(JSON.stringify(await store.all())).not.toContain(secret.slice(4, 20))
    expect((await management.make(ADS, "first")).secret).not.toBe(secret)
  })

  it("is one of at most 1,000, those aside that expired a month ago", async () => {
    const { store } = createStore()
    const { management, clock } = createGateway(store)
    const { key } = await management.make({ ...ADS, expiresAt: clock.now() + 1000 }, "first")
    for (let number = 1; number < 1000; number++) {
      await store.add({ ...key, id: number.toString(16).padStart(16, "0"), expiresAt: null })
    }
    await expect(management.make(ADS, "first")).rejects.toMatchObject({ code: "too_many_keys" })
    clock.advance(30 * DAY_SECONDS + 2)
    await management.make(ADS, "first")
    expect((await management.list()).some(({ id }) => id === key.id)).toBe(false)
    await expect(management.make(ADS, "first")).rejects.toMatchObject({ code: "too_many_keys" })
  })
})

it("stands in the audit trail when it is made and when it is revoked, also where that failed", async () => {
  const { store, state } = createStore()
  const { management, audit } = createGateway(store)
  const { key } = await management.make(ADS, "first")
  expect(await management.revoke("nobody", "first")).toBe(false)
  state.readOnly = true
  await expect(management.revoke(key.id, "second")).rejects.toMatchObject({ code: "store_unavailable" })
  state.readOnly = false
  await management.revoke(key.id, "second")
  const lines = await audit.read({ limit: 10 })
  const revoked = { actor: "second", action: "key.revoke", subject: key.id }
  expect(lines).toMatchObject([
    { ...revoked, outcome: "done" },
    { ...revoked, outcome: "failed", code: "store_unavailable" },
    { ...revoked, outcome: "done" },
    {
      actor: "first",
      action: "key.create",
      subject: key.id,
      outcome: "done",
      diff: expect.arrayContaining(['name: "ads"']),
    },
  ])
  expect(lines).toHaveLength(4)
})

describe("given two gateways over one store", () => {
  it("both have what either makes and revokes, once they have looked", async () => {
    const { store } = createStore()
    const [one, other] = [createGateway(store), createGateway(store)]
    const { key } = await one.management.make(ADS, "first")
    expect(other.ids()).toEqual([])
    await other.management.look()
    expect(other.ids()).toEqual([key.id])
    expect(await other.management.revoke(key.id, "first")).toBe(true)
    expect(other.ids()).toEqual([])
    await one.management.look()
    expect(one.ids()).toEqual([])
    expect(await one.management.revoke(key.id, "first")).toBe(false)
  })

  it("write down when a key was last used anywhere", async () => {
    const { store } = createStore()
    const [one, other] = [createGateway(store), createGateway(store)]
    await one.management.make(ADS, "first")
    await other.management.look()
    const use = (gateway: typeof one, at: number) => {
      for (const { memory } of gateway.live()) new KeyUse(memory).used(at)
    }
    const now = one.clock.now()
    use(one, now + 5000)
    use(other, now + 9000)
    expect((await one.management.list())[0]?.lastUsedAt).toBe(now + 5000)
    await other.management.noteUses()
    await one.management.noteUses()
    expect((await one.management.list())[0]?.lastUsedAt).toBe(now + 9000)
    expect((await store.all())[0]?.lastUsedAt).toBe(now + 9000)
  })
})

it("keeps the last known keys in force while the store is away, and says so once", async () => {
  const { store, state } = createStore()
  const { management, ids, logger } = createGateway(store)
  const { key } = await management.make(ADS, "first")
  state.away = true
  for (let look = 0; look < 3; look++) await management.look()
  expect(ids()).toEqual([key.id])
  expect(logger.messages.filter((message) => message.includes("last known"))).toHaveLength(1)
  for (const refused of [management.make(ADS, "first"), management.revoke(key.id, "first"), management.list()]) {
    await expect(refused).rejects.toMatchObject({ code: "store_unavailable" })
  }
  await management.noteUses()
  state.away = false
  await management.look()
  expect(logger.messages.at(-1)).toMatch(/can be read again/)
})

it("never puts a revoked key in force again, however late what was read before arrives", async () => {
  const { store, state } = createStore()
  const { management, ids } = createGateway(store)
  const { key } = await management.make(ADS, "first")
  const { promise, resolve } = Promise.withResolvers<void>()
  state.hold = promise
  const looking = management.look()
  const revoking = management.revoke(key.id, "first")
  await new Promise(setImmediate)
  state.hold = undefined
  resolve()
  await Promise.all([looking, revoking])
  expect(ids()).toEqual([])
})

it("tries again what the threads were not told", async () => {
  const { store } = createStore()
  const told: number[] = []
  const clock = new FakeClock()
  const management = new KeyManagement({
    store,
    audit: createTrail(clock),
    clock,
    logger: createRememberingLogger(),
    randomBytes: (target) => void randomFillSync(target),
    digest,
    putInForce: (keys) => {
      told.push(keys.length)
      if (told.length === 1) throw new GatewayError("internal", { detail: "[test] a thread has ended" })
    },
  })
  await expect(management.make(ADS, "first")).rejects.toMatchObject({ code: "internal" })
  await management.look()
  await management.look()
  expect(told).toEqual([1, 1])
})
