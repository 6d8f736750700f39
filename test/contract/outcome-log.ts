import { describe, expect, it } from "vitest"
import type { LogPosition } from "#src/domain/log-position.ts"
import { isAfter } from "#src/domain/log-position.ts"
import type { LogEnd, OutcomeLog } from "#src/ports/outcome-log.ts"
import type { OutcomeReader } from "#src/ports/outcome-reader.ts"

async function linesOf(reader: OutcomeReader, from?: LogPosition, until?: LogPosition): Promise<string[]> {
  const all: string[] = []
  for await (const { lines } of reader.read(from, until)) all.push(...lines)
  return all
}

/** Appends lines, each durable before the next. */
async function durableEnds(log: OutcomeLog, lines: readonly string[]): Promise<LogPosition[]> {
  const ends: LogPosition[] = []
  for (const line of lines) {
    const durable = new Promise<LogPosition>((resolve) => log.onSynced(resolve))
    await log.append(line).written
    await log.sync()
    ends.push(await durable)
  }
  return ends
}

/** What every outcome log promises to its writer and its readers. `open` gives an empty one. */
export function outcomeLogContract(
  name: string,
  open: () => Promise<{ readonly log: OutcomeLog; readonly reader: OutcomeReader }>,
): void {
  describe(`given ${name}`, () => {
    it("gives back what was appended, in order, to the last character", async () => {
      const { log, reader } = await open()
      const lines = ["one", "zwei ☃", '{"three":3}', "x".repeat(5_000)]
      expect(await Promise.all(lines.map((line) => log.append(line).answered))).toEqual([true, true, true, true])
      await log.sync()
      expect(await linesOf(reader)).toEqual(lines)
      await log.close()
    })

    it("tells its listener, in order, how far it is durable, and where each write ends", async () => {
      const { log, reader } = await open()
      const durable: LogPosition[] = []
      log.onSynced((end) => durable.push(end))
      const ends: LogEnd[] = []
      for (let turn = 0; turn < 5; turn++) {
        const writes = Array.from({ length: 10 }, (_, index) => log.append(`line ${turn} ${index}`))
        for (const end of await Promise.all(writes.map((write) => write.written))) if (end !== undefined) ends.push(end)
        await log.sync()
      }
      await expect.poll(() => durable.at(-1)).toMatchObject(ends.at(-1) ?? {})
      expect(ends).toHaveLength(50)
      expect(durable.every((end, index) => !isAfter(durable[index - 1] ?? end, end))).toBe(true)
      expect(await reader.end()).toEqual(durable.at(-1))
      await log.close()
    })

    it("reads on from where a sync ended, and up to where one ended", async () => {
      const { log, reader } = await open()
      const ends = await durableEnds(log, ["a", "b", "c", "d"])
      const [first, second, third] = ends
      expect(await linesOf(reader, second)).toEqual(["c", "d"])
      expect(await linesOf(reader, undefined, second)).toEqual(["a", "b"])
      expect(await linesOf(reader, first, third)).toEqual(["b", "c"])
      expect(await linesOf(reader, ends.at(-1))).toEqual([])
      await log.close()
    })

    it("knows which positions it reaches", async () => {
      const { log, reader } = await open()
      const [end] = await durableEnds(log, ["a"])
      if (end === undefined) throw new Error("nothing was appended")
      expect(await reader.reaches(end)).toBe(true)
      expect(await reader.reaches({ ...end, offset: end.offset + 1 })).toBe(false)
      expect(await reader.reaches({ ...end, file: end.file + 1 })).toBe(false)
      await log.close()
    })

    it("goes on under another id from where it ends, when it is told to", async () => {
      const { log, reader } = await open()
      const [end] = await durableEnds(log, ["a"])
      const old = log.id
      expect(log.since).toBeUndefined()
      await log.renew()
      expect(log.id).not.toBe(old)
      expect(log.since).toEqual(end)
      await durableEnds(log, ["b"])
      expect(await linesOf(reader, log.since)).toEqual(["b"])
      expect((await reader.spans()).at(-1)).toEqual({ id: log.id, since: end })
      await log.close()
    })

    it("syncs for any number of callers, also when there is nothing to sync", async () => {
      const { log } = await open()
      await log.sync()
      const { answered } = log.append("a")
      await Promise.all([log.sync(), log.sync(), answered.then(() => log.sync())])
      expect(await answered).toBe(true)
      await log.close()
    })
  })
}
