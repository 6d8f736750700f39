import { hash } from "node:crypto"
import { appendFile, readFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { createMemoryAuditLog } from "#src/adapters/memory/audit-log.ts"
import { AuditFile, sha256 } from "#src/adapters/ndjson/audit-log.ts"
import { readAuditLines } from "#src/adapters/ndjson/audit-reader.ts"
import { verifyAudit } from "#src/app/verify-audit.ts"
import type { AuditLog, AuditRecord } from "#src/ports/audit-log.ts"
import { temporaryFolder } from "../temporary-folder.ts"

const AT = Date.UTC(2026, 10, 21)
const record = (subject: string, actor = "Ann"): AuditRecord => ({
  actor,
  action: "experiment.publish",
  subject,
  outcome: "done",
})

const LOGS: readonly [string, () => AuditLog][] = [
  ["in memory", () => createMemoryAuditLog((text) => hash("sha256", text))],
  ["in a file", () => new AuditFile(join(temporaryFolder(), "audit.ndjson"))],
]

describe.each(LOGS)("given an audit log %s", (_, open) => {
  it("counts on, each record from the hash of the one before", async () => {
    const log = open()
    const heads = [
      await log.append(record("e"), AT),
      ...(await Promise.all([log.append(record("f"), AT), log.append(record("g"), AT)])),
    ]
    expect(heads.map(({ seq }) => seq)).toEqual([1, 2, 3])
    const lines = await log.read({ limit: 10 })
    expect(lines.map(({ subject }) => subject)).toEqual(["g", "f", "e"])
    expect(lines[0]).toMatchObject({
      prev: heads[1]?.hash,
      chain: heads[0]?.chain,
      at: "2026-11-21T00:00:00.000Z",
      actor: "Ann",
    })
    await log.close()
  })

  it("reads what is asked for, newest first", async () => {
    const log = open()
    for (const [subject, actor] of [
      ["e", "Ann"],
      ["f", "Bo"],
      ["e", "Bo"],
      ["e", "Ann"],
    ] as const)
      await log.append(record(subject, actor), AT)
    const seqs = async (query: Parameters<AuditLog["read"]>[0]) => (await log.read(query)).map(({ seq }) => seq)
    expect(await seqs({ limit: 2 })).toEqual([4, 3])
    expect(await seqs({ subject: "e", limit: 10 })).toEqual([4, 3, 1])
    expect(await seqs({ subject: "e", actor: "Ann", limit: 10 })).toEqual([4, 1])
    expect(await seqs({ before: 3, limit: 10 })).toEqual([2, 1])
    await log.close()
  })

  it("has nothing at first", async () => {
    expect(await open().read({ limit: 10 })).toEqual([])
  })
})

describe("given an audit file", () => {
  it("goes on where an earlier start ended, and cuts off half a line that a crash left", async () => {
    const path = join(temporaryFolder(), "audit.ndjson")
    const first = new AuditFile(path)
    await first.append(record("e"), AT)
    await first.close()
    await appendFile(path, '{"prev":"half a li')
    const second = new AuditFile(path)
    expect(await second.read({ limit: 5 })).toHaveLength(1)
    expect(await second.append(record("f"), AT)).toMatchObject({ seq: 2 })
    await second.close()
    expect(await verifyAudit(readAuditLines(path), [], sha256)).toMatchObject({ lines: 2, problems: [] })
  })

  it("refuses to go on from what is no trail, and leaves it as it is", async () => {
    const path = join(temporaryFolder(), "audit.ndjson")
    await appendFile(path, "something else\n")
    const log = new AuditFile(path)
    await expect(log.append(record("e"), AT)).rejects.toMatchObject({
      code: "audit_unavailable",
      message: expect.stringContaining("move the file away"),
    })
    await log.close()
    expect(await readFile(path, "utf8")).toBe("something else\n")
  })

  it("records nothing where it can't be written, and everything once it can", async () => {
    const folder = temporaryFolder()
    const log = new AuditFile(join(folder, "absent", "audit.ndjson"))
    await expect(log.append(record("e"), AT)).rejects.toMatchObject({ code: "audit_unavailable" })
    await log.close()
  })

  it("reads lines backwards across any length", async () => {
    const log = new AuditFile(join(temporaryFolder(), "audit.ndjson"))
    const subjects = Array.from({ length: 40 }, (_, i) => `${i}-${"x".repeat(i * 1000)}`)
    await Promise.all(subjects.map((subject) => log.append(record(subject), AT)))
    expect((await log.read({ limit: 100 })).map(({ subject }) => subject)).toEqual(subjects.toReversed())
    await log.close()
  })
})
