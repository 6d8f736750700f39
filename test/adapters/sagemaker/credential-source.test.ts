import { expect, it } from "vitest"
import { CredentialSource } from "#src/adapters/sagemaker/credential-source.ts"
import type { Credentials } from "#src/adapters/sagemaker/signature.ts"
import { FakeClock } from "../../app/rig.ts"

/** Provides credentials that last an hour, and fails while it is told to. */
function createSource() {
  const clock = new FakeClock()
  const state = { asked: 0, fails: false }
  const source = new CredentialSource(async (): Promise<Credentials> => {
    state.asked++
    if (state.fails) throw new Error("no metadata service")
    return { accessKeyId: `k${state.asked}`, secretAccessKey: "s", expiration: new Date(clock.now() + 3_600_000) }
  }, clock)
  return { clock, state, source, key: async () => (await source.get()).accessKeyId }
}

it("asks once for all that wait, and answers at once from then on", async () => {
  const { source, state, key } = createSource()
  expect(await Promise.all([key(), key(), key()])).toEqual(["k1", "k1", "k1"])
  expect(source.get()).not.toBeInstanceOf(Promise)
  expect(state.asked).toBe(1)
})

it("asks for new ones five minutes before the old ones end, and nobody waits", async () => {
  const { clock, source, state, key } = createSource()
  await key()
  clock.advance(3600 - 299)
  expect(source.get()).toMatchObject({ accessKeyId: "k1" })
  await Promise.resolve()
  expect(await key()).toBe("k2")
  expect(state.asked).toBe(2)
})

it("goes on with the old ones where there are no new ones, asks again after ten seconds, and says so when they have ended", async () => {
  const { clock, source, state, key } = createSource()
  await key()
  clock.advance(3600 - 100)
  state.fails = true
  for (let i = 0; i < 5; i++) expect(await key()).toBe("k1")
  expect(state.asked).toBe(2)
  clock.advance(10)
  expect([await key(), state.asked]).toEqual(["k1", 3])
  clock.advance(90)
  await expect(source.get()).rejects.toThrow("no metadata service")
  state.fails = false
  expect(await key()).toBe("k5")
})
