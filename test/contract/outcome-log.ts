import { describe, expect, it } from "vitest"
import type { LogPosition } from "#src/domain/log-position.ts"
import { isAfter } from "#src/domain/log-position.ts"
import type { AppendedBatch, OutcomeLog } from "#src/ports/outcome-log.ts"
import type { OutcomeReader } from "#src/ports/outcome-reader.ts"
import { decisionEntry, decisionEvent, rewardEvent } from "#test/outcomes.ts"

async function linesOf(reader: OutcomeReader, from?: LogPosition, until?: LogPosition): Promise<string[]> {
  const all: string[] = []
  for await (const { lines } of reader.read(from, until)) all.push(...lines)
  return all
}

/** What every outcome log promises to its writer and its readers. `open` gives an empty one. */
export function outcomeLogContract(
  name: string,
  open: () => Promise<{ readonly log: OutcomeLog; readonly reader: OutcomeReader }>,
): void {
  describe(`given ${name}`, () => {
    const entry = decisionEntry(decisionEvent())

    it("gives back what was appended, in order, to the last character", async () => {
      const { log, reader } = await open()
      const lines = ["one", "zwei ☃", '{"three":3}', "x".repeat(5_000)]
      expect(await Promise.all(lines.map((line) => log.append(line, entry)))).toEqual([true, true, true, true])
      await log.sync()
      expect(await linesOf(reader)).toEqual(lines)
      await log.close()
    })

    it("tells its listener of every line once, in log order, with rising ends, before the append settles", async () => {
      const { log, reader } = await open()
      const batches: AppendedBatch[] = []
      log.onAppended((batch) => batches.push(batch))
      const rewards = Array.from({ length: 50 }, (_, index) => rewardEvent({ decisionId: `D${index}` }))
      for (let index = 0; index < rewards.length; index += 10) {
        const turn = rewards.slice(index, index + 10)
        await Promise.all(turn.map((event) => log.append(JSON.stringify(event), { kind: "reward", event })))
        expect(batches.flatMap(({ entries }) => entries)).toHaveLength(index + 10)
      }
      expect(batches.flatMap(({ entries }) => entries)).toEqual(rewards.map((event) => ({ kind: "reward", event })))
      const ends = batches.map(({ end }) => end)
      expect(ends.every((end, index) => isAfter(end, ends[index - 1]))).toBe(true)
      expect(await reader.end()).toEqual(ends.at(-1))
      await log.close()
    })

    it("reads on from where a batch ended, and up to where one ended", async () => {
      const { log, reader } = await open()
      const ends: LogPosition[] = []
      log.onAppended(({ end }) => ends.push(end))
      for (const line of ["a", "b", "c", "d"]) await log.append(line, entry)
      const [first, second, third] = ends
      expect(await linesOf(reader, second)).toEqual(["c", "d"])
      expect(await linesOf(reader, undefined, second)).toEqual(["a", "b"])
      expect(await linesOf(reader, first, third)).toEqual(["b", "c"])
      expect(await linesOf(reader, ends.at(-1))).toEqual([])
      await log.close()
    })

    it("knows which positions it reaches", async () => {
      const { log, reader } = await open()
      const ends: LogPosition[] = []
      log.onAppended(({ end }) => ends.push(end))
      await log.append("a", entry)
      const [end] = ends
      if (end === undefined) throw new Error("nothing was appended")
      expect(await reader.reaches(end)).toBe(true)
      expect(await reader.reaches({ ...end, offset: end.offset + 1 })).toBe(false)
      expect(await reader.reaches({ file: end.file + 1, offset: 0 })).toBe(false)
      await log.close()
    })

    it("syncs for any number of callers, also when there is nothing to sync", async () => {
      const { log } = await open()
      await log.sync()
      const appended = log.append("a", entry)
      await Promise.all([log.sync(), log.sync(), appended.then(() => log.sync())])
      expect(await appended).toBe(true)
      await log.close()
    })
  })
}
