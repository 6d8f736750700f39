import { expect, it } from "vitest"
import { serve } from "#src/cli/serve.ts"
import { ConfigError } from "#src/config.ts"
import { capturedIo } from "./captured-io.ts"

it("warns of a misspelt setting on standard error, also where the others are refused", async () => {
  const io = capturedIo()
  const run = serve.run([], { ...io, env: { HOST: "0.0.0.0", API_KEY: "topsecretvalue" } })
  await expect(run).rejects.toThrow(ConfigError)
  const [line = ""] = io.err().split("\n")
  expect(JSON.parse(line)).toMatchObject({
    level: "warn",
    message: "API_KEY is not a setting of this gateway; did you mean API_KEYS?",
  })
  expect(io.err()).not.toMatch(/topsecret/)
})

it("says it as a sentence on a terminal", async () => {
  const io = capturedIo()
  const stderr = { ...io.stderr, isTTY: true, columns: 80 }
  await expect(serve.run([], { ...io, stderr, env: { PORT: "http", DATADIR: "/d" } })).rejects.toThrow(
    /^PORT must be a port/,
  )
  expect(io.err()).toBe("DATADIR is not a setting of this gateway; did you mean DATA_DIR?\n")
})
