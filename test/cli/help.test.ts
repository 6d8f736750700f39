import { expect, it } from "vitest"
import { allocate } from "#src/cli/allocate.ts"
import type { Command } from "#src/cli/command.ts"
import { demo } from "#src/cli/demo.ts"
import { rebuild } from "#src/cli/rebuild.ts"
import { serve } from "#src/cli/serve.ts"
import { simulate } from "#src/cli/simulate.ts"
import { validate } from "#src/cli/validate.ts"
import { wrapped } from "#src/cli/wrapped.ts"
import { capturedIo } from "./captured-io.ts"

const COMMANDS: readonly Command[] = [allocate, demo, rebuild, serve, simulate, validate]

it.each(COMMANDS)("explains $name within 80 columns and breaks no word", ({ usage }) => {
  const shown = wrapped(usage, 80)
  expect(shown.split("\n").filter((line) => line.length > 80)).toEqual([])
  expect(shown.split(/\s+/)).toEqual(usage.split(/\s+/))
})

it.each([
  [serve, ["--port", "80"], "PORT=9000 npm start"],
  [rebuild, ["--data-dir", "/nowhere"], "npm run cli -- rebuild --help"],
  [demo, ["--rate", "fast"], "npm run cli -- demo --help"],
  [allocate, [], "npm run cli -- allocate --help"],
] as const)("says the next command where %o can't do as it is told", async (command, args, next) => {
  const io = capturedIo()
  expect(await command.run(args, io)).toBe(1)
  expect(io.out()).toBe("")
  expect(io.err()).toContain(next)
})
