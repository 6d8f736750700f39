import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, it, onTestFinished } from "vitest"
import { AuditFile } from "#src/adapters/ndjson/audit-log.ts"
import { openOutcomeLog } from "#src/adapters/ndjson/outcome-log.ts"
import { audit } from "#src/cli/audit.ts"
import type { AuditHead } from "#src/ports/audit-log.ts"
import { createRememberingLogger } from "../remembering-logger.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { capturedIo } from "./captured-io.ts"

const AT = Date.UTC(2026, 10, 21)

/** A data folder with a trail of so many lines, whose last head was streamed. */
async function given(lines: number): Promise<string> {
  const folder = temporaryFolder()
  const trail = new AuditFile(join(folder, "audit.ndjson"))
  const records = Array.from({ length: lines }, (_, i) => {
    return {
      actor: "Ann",
      action: "experiment.publish",
      subject: "e",
      outcome: "done",
      revision: i + 1,
      diff: ["holdout: 0 -> 0.1"],
    } as const
  })
  const heads = await Promise.all(records.map((record) => trail.append(record, AT)))
  await trail.close()
  const log = await openOutcomeLog({ folder: join(folder, "outcomes"), logger: createRememberingLogger() })
  onTestFinished(() => log.close())
  const { chain, seq, hash } = heads.at(-1) as AuditHead
  log.append(
    JSON.stringify({ v: 1, type: "audit", eventId: `a-${seq}`, at: new Date(AT).toISOString(), chain, seq, hash }),
  )
  await log.sync()
  return folder
}

async function verdict(folder: string): Promise<unknown> {
  const io = capturedIo()
  const code = await audit.run(["verify", "--json", "--data-dir", folder], io)
  const found = JSON.parse(io.out())
  expect(code).toBe(found.valid === true ? 0 : 1)
  return found
}

it("finds nothing wrong with 100,000 lines, and finds the one that was planted", async () => {
  const folder = await given(100_000)
  const path = join(folder, "audit.ndjson")
  expect(await verdict(folder)).toMatchObject({
    valid: true,
    lines: 100_000,
    head: { seq: 100_000 },
    streamed: { seq: 100_000 },
  })
  const text = await readFile(path, "utf8")
  await writeFile(
    path,
    text.replace('"revision":77777,"diff":["holdout: 0 -> 0.1"]', '"revision":77777,"diff":["holdout: 0 -> 0.2"]'),
  )
  expect(await verdict(folder)).toMatchObject({ valid: false, problems: [{ line: 77_778 }] })
})

it("tells a tail that was cut, and a last line that was changed", async () => {
  const folder = await given(5)
  const path = join(folder, "audit.ndjson")
  const text = await readFile(path, "utf8")
  await writeFile(path, text.split("\n").slice(0, 3).join("\n").concat("\n"))
  expect(await verdict(folder)).toMatchObject({ valid: false, lines: 3, problems: [{ line: 4 }] })
  await writeFile(path, text.replace('"revision":5', '"revision":6'))
  expect(await verdict(folder)).toMatchObject({
    valid: false,
    problems: [{ line: 5, message: expect.stringContaining("streamed") }],
  })
  const io = capturedIo()
  await audit.run(["verify", "--data-dir", folder], io)
  expect(io.out()).toMatch(/^line 5 is not the line that was streamed.*\n5 lines with 1 problems/)
})

it("says what it needs", async () => {
  const io = capturedIo()
  expect(await audit.run(["check"], io)).toBe(1)
  expect(await audit.run(["verify", "--data-dir", join(temporaryFolder(), "none")], io)).toBe(1)
  expect(io.err()).toMatch(/"verify" checks it/)
  expect(io.err()).toMatch(/can't be read \(ENOENT\)/)
})
