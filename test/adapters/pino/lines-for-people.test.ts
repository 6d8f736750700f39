import { expect, it } from "vitest"
import { createLogger } from "#src/adapters/pino/logger.ts"

function terminal() {
  const written: string[] = []
  return { written, write: (text: string) => written.push(text.replace(/^\d\d:\d\d:\d\d /, "12:00:00 ")) }
}

it("writes the time, the level where it matters, the message and the fields", () => {
  const output = terminal()
  const logger = createLogger("info", output)
  logger.info({}, "stopped")
  logger.info({ address: "http://127.0.0.1:8080", experiments: 1, diff: ["a", "b"] }, "serving")
  logger.warn({ experiment: "banner-ctr" }, "allocation not refreshed")
  logger.flush()
  expect(output.written).toEqual([
    "12:00:00 stopped\n",
    '12:00:00 serving  address=http://127.0.0.1:8080 experiments=1 diff=["a","b"]\n',
    "12:00:00 WARN allocation not refreshed  experiment=banner-ctr\n",
  ])
})

it("shows an error by its stack, and nothing below the level", () => {
  const output = terminal()
  const logger = createLogger("error", output)
  logger.warn({}, "unsaid")
  logger.error({ err: new TypeError("no such thing") }, "counters can't be folded")
  expect(output.written).toHaveLength(1)
  expect(output.written[0]).toMatch(/^12:00:00 ERROR counters can't be folded {2}err=TypeError: no such thing\n {4}at /)
})
