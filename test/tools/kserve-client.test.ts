import { expect, it } from "vitest"
import { runAgainstBoth } from "../../scripts/kserve-client.ts"

it("a KServe client gets from a gateway in front of KServe what it gets from KServe", async () => {
  const { direct, behind, decisions } = await runAgainstBoth(() => {})
  expect(direct).toMatch(
    /live: True ready: True\nJSON answer.*\[0\.2, 0\.275, 0\.35\]\nbinary answer.*\[0\.2, 0\.275, 0\.35\]\n/,
  )
  expect(behind).toBe(direct)
  expect(decisions).toBe(2)
})
