import { describe, expect, it } from "vitest"
import {
  type Held,
  hasPassed,
  type LogFacts,
  type RetentionFacts,
  retentionOf,
  type Segment,
} from "#src/domain/retention.ts"

const NOW = 1_000
const OLD: Segment = { file: 4, bytes: 100, newestAt: 500 }
const NEXT: Segment = { file: 5, bytes: 100, newestAt: 600 }
const WRITTEN: Segment = { file: 6, bytes: 50, newestAt: 990 }

function at(file: number, offset = 0) {
  return { file, offset, hash: "" }
}

const MARK = { log: "L1", watermark: at(6, 40) }
const STANDING = { logs: [MARK], foldedTo: 950 }

/** The two older files may go, and the log is twice as large as it should be. */
const LOG: LogFacts = {
  thread: 1,
  log: "L1",
  segments: [OLD, NEXT, WRITTEN],
  since: undefined,
  watermark: at(6, 40),
  followers: [],
}
const FACTS: Omit<RetentionFacts, "logs"> = {
  bounds: { maxBytes: 60, maxAgeMs: undefined },
  now: NOW,
  creditsLiveMs: 300,
  checkpoints: [STANDING, STANDING],
}

type Change = Partial<LogFacts & typeof FACTS>

function decided(change: Change): readonly [readonly number[], Held | undefined] {
  const { go, held } = retentionOf({ ...FACTS, ...change, logs: [{ ...LOG, ...change }] })
  return [go.map(({ segment }) => segment.file), held[0]?.why]
}

const AGED = { bounds: { maxBytes: undefined, maxAgeMs: 450 } }

describe("given files that the log has too many of", () => {
  it.each<[string, Change, readonly number[], Held | undefined]>([
    ["everything that may go goes, but not the file that is written", {}, [4, 5], undefined],
    ["nothing goes without a bound", { bounds: { maxBytes: undefined, maxAgeMs: undefined } }, [], undefined],
    ["no more goes than it takes", { bounds: { maxBytes: 150, maxAgeMs: undefined } }, [4], undefined],
    ["a log of exactly its bound is not too large", { bounds: { maxBytes: 250, maxAgeMs: undefined } }, [], undefined],
    ["only the file that is old goes by age", AGED, [4], undefined],
    ["a file of exactly that age stays", { bounds: { maxBytes: undefined, maxAgeMs: 500 } }, [], undefined],
    [
      "a single file stays, however large",
      { segments: [WRITTEN], bounds: { maxBytes: 1, maxAgeMs: 1 } },
      [],
      undefined,
    ],
    ["no file at all is nothing to delete", { segments: [] }, [], undefined],
    ["a file that is not folded stays", { watermark: at(5, 99) }, [4], "unfolded"],
    ["so does one whose end is where the fold stands", { watermark: at(4, 100) }, [], "unfolded"],
    ["nothing goes where nobody knows what is folded", { watermark: undefined }, [], "unfolded"],
    ["a file whose credits may matter stays", { creditsLiveMs: 420 }, [4], "young"],
    [
      "a file without outcomes has no credits",
      { segments: [{ ...OLD, newestAt: undefined }, WRITTEN] },
      [4],
      undefined,
    ],
    ["but it isn't old either", { segments: [{ ...OLD, newestAt: undefined }, WRITTEN], ...AGED }, [], undefined],
    ["lines of an earlier id stay", { since: at(4, 1) }, [], "earlier_id"],
    ["an id that begins with the file is its own", { since: at(4) }, [4, 5], undefined],
    ["one checkpoint is too few", { checkpoints: [STANDING] }, [], "checkpoint"],
    [
      "one of another id does not count",
      { checkpoints: [STANDING, { ...STANDING, logs: [{ ...MARK, log: "L0" }] }] },
      [],
      "checkpoint",
    ],
    [
      "nor one that was made before",
      { checkpoints: [STANDING, { ...STANDING, logs: [{ ...MARK, watermark: at(5, 9) }] }] },
      [4],
      "checkpoint",
    ],
    [
      "nor one after which a reward may be repeated",
      { checkpoints: [STANDING, { ...STANDING, foldedTo: 850 }] },
      [4],
      "checkpoint",
    ],
    ["a follower that is behind holds nothing beyond the bound", { followers: [at(4, 10)] }, [4, 5], undefined],
    ["one that is behind holds what is only old", { ...AGED, followers: [at(9), at(4, 99)] }, [], "follower"],
    ["one that has taken nothing holds everything", { ...AGED, followers: [undefined] }, [], "follower"],
    ["one that has taken the whole file doesn't", { ...AGED, followers: [at(4, 100)] }, [4], undefined],
  ])("%s", (_, change, go, held) => {
    expect(decided(change)).toEqual([go, held])
  })

  it("deletes nothing behind a file that stays, though it could go itself", () => {
    const young = { ...OLD, newestAt: 900 }
    expect(decided({ segments: [young, NEXT, WRITTEN] })).toEqual([[], "young"])
  })
})

describe("given the logs of several threads", () => {
  const other: LogFacts = { ...LOG, thread: 2, log: "L2" }
  const checkpoint = { logs: [MARK, { ...MARK, log: "L2" }], foldedTo: 950 }
  const facts = { ...FACTS, checkpoints: [checkpoint, checkpoint] }
  const older = { ...other, segments: [{ ...OLD, newestAt: 450 }, { ...NEXT, newestAt: 550 }, WRITTEN] }

  it("bounds all of them together, the oldest file of all first", () => {
    const decide = (maxBytes: number) => {
      const bounds = { maxBytes, maxAgeMs: undefined }
      const { go, held } = retentionOf({ ...facts, bounds, logs: [LOG, older] })
      return [go.map(({ thread, segment }) => `${thread}:${segment.file}`), held]
    }
    expect(decide(500)).toEqual([[], []])
    expect(decide(499)).toEqual([["2:4"], []])
    expect(decide(250)).toEqual([["2:4", "1:4", "2:5"], []])
    expect(decide(1)).toEqual([["2:4", "1:4", "2:5", "1:5"], []])
  })

  it("keeps what stays of one log from holding the other", () => {
    const { go, held } = retentionOf({ ...facts, logs: [LOG, { ...older, watermark: undefined }] })
    expect(go.map(({ thread }) => thread)).toEqual([1, 1])
    expect(held).toEqual([{ thread: 2, why: "unfolded" }])
  })

  it("deletes nothing of a log that the checkpoints don't stand for", () => {
    const { held } = retentionOf({ ...facts, checkpoints: [STANDING, STANDING], logs: [LOG, older] })
    expect(held).toEqual([{ thread: 2, why: "checkpoint" }])
  })
})

it("tells who has taken all of a file", () => {
  expect(hasPassed(at(4, 100), OLD)).toBe(true)
  expect(hasPassed(at(5), OLD)).toBe(true)
  expect(hasPassed(at(4, 99), OLD)).toBe(false)
  expect(hasPassed(undefined, OLD)).toBe(false)
})
