import { expect, it } from "vitest"
import { MOST_PIECES, PIECES_BETWEEN_LOOKS, TurnEnd } from "#src/entry/turn-end.ts"

/** More than any of these tests asks for. */
const TURNS = 20

const nextTurn = () => new Promise<void>((resolve) => void setImmediate(resolve))

/** Runs something in a turn of its own, and waits until everything that it asked for is done. */
async function inOneTurn(run: () => void): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(() => {
      run()
      resolve()
    }, 1)
  })
  for (let turn = 0; turn < TURNS; turn++) await nextTurn()
}

it("does the work of a turn together, then what is due after it, before anything that the work left for the next turn", async () => {
  const turnEnd = new TurnEnd()
  const done: string[] = []
  await inOneTurn(() => {
    for (const name of ["a", "b"]) {
      turnEnd.work(() => {
        done.push(name)
        setImmediate(() => done.push(`next turn, ${name}`))
        void Promise.resolve()
          .then(() => done.push(`promised by ${name}`))
          .then(() => turnEnd.afterwards(() => done.push(`after ${name}`)))
      })
    }
    done.push("read")
  })
  expect(done.slice(0, 3)).toEqual(["read", "a", "b"])
  expect(done.slice(3, 5).toSorted()).toEqual(["promised by a", "promised by b"])
  expect(done.slice(5, 7)).toEqual(["after a", "after b"])
  expect(done.slice(7)).toEqual(["next turn, a", "next turn, b"])
})

it("runs what is due after the work where there is none, once", async () => {
  const turnEnd = new TurnEnd()
  const done: string[] = []
  await inOneTurn(() => {
    turnEnd.afterwards(() => done.push("one"))
    turnEnd.afterwards(() => done.push("other"))
    void Promise.resolve().then(() => done.push("promised"))
  })
  expect(done).toEqual(["promised", "one", "other"])
})

it("still runs what work asks for after it, where something was due before the work", async () => {
  const turnEnd = new TurnEnd()
  const done: string[] = []
  await inOneTurn(() => {
    turnEnd.afterwards(() => done.push("early"))
    turnEnd.work(() => {
      done.push("work")
      turnEnd.afterwards(() => done.push("late"))
      setImmediate(() => done.push("next turn"))
    })
  })
  expect(done).toEqual(["early", "work", "late", "next turn"])
})

it("takes work that work brings up in the next turn", async () => {
  const turnEnd = new TurnEnd()
  const done: string[] = []
  await inOneTurn(() => turnEnd.work(() => turnEnd.work(() => turnEnd.afterwards(() => done.push("done")))))
  expect(done).toEqual(["done"])
})

it.each([false, true])(
  "leaves what is too much for one turn to the next ones, each with what is due after it, looking in between or not: %s",
  async (looksInBetween) => {
    const turnEnd = new TurnEnd()
    turnEnd.looksInBetween = looksInBetween
    const done: string[] = []
    await inOneTurn(() => {
      for (let i = 0; i < 2 * MOST_PIECES + 1; i++) {
        turnEnd.work(() => {
          if (i % MOST_PIECES === 0) turnEnd.afterwards(() => done.push("after"))
          done.push(String(i))
        })
      }
    })
    const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => String(from + i))
    expect(done).toEqual([
      ...numbers(0, MOST_PIECES),
      "after",
      ...numbers(MOST_PIECES, 2 * MOST_PIECES),
      "after",
      String(2 * MOST_PIECES),
      "after",
    ])
  },
)

it("looks at what has arrived between pieces of one turn where it is told to", async () => {
  const turnEnd = new TurnEnd()
  turnEnd.looksInBetween = true
  const done: string[] = []
  await inOneTurn(() => {
    for (let i = 0; i < MOST_PIECES; i++) {
      turnEnd.work(() => {
        if (i % PIECES_BETWEEN_LOOKS === 0) turnEnd.afterwards(() => done.push("after"))
        done.push("work")
      })
    }
    setImmediate(() => done.push("arrived"))
  })
  const looks = MOST_PIECES / PIECES_BETWEEN_LOOKS
  const works = Array.from({ length: PIECES_BETWEEN_LOOKS }, () => "work")
  const afters = Array.from({ length: looks }, () => "after")
  const rest = Array.from({ length: looks - 1 }, () => works).flat()
  expect(done).toEqual([...works, "arrived", ...rest, ...afters])
})

it("tells of a piece that was worked on in a turn when that turn is over", async () => {
  const turnEnd = new TurnEnd()
  turnEnd.looksInBetween = true
  const done: string[] = []
  turnEnd.onWaited = (_, ahead) => done.push(`told of ${ahead}`)
  await inOneTurn(() => {
    for (let i = 0; i <= PIECES_BETWEEN_LOOKS; i++) {
      turnEnd.work(() => {
        turnEnd.afterwards(() => done.push("after"))
        done.push("work")
      })
    }
  })
  const times = (word: string) => Array.from({ length: PIECES_BETWEEN_LOOKS + 1 }, () => word)
  expect(done).toEqual([...times("work"), ...times("after"), "told of 0"])
})

it("tells how long work waited, and for how many before it", async () => {
  const turnEnd = new TurnEnd()
  const waits: { readonly waitedMs: number; readonly ahead: number }[] = []
  turnEnd.onWaited = (waitedMs, ahead) => void waits.push({ waitedMs, ahead })
  const takeAMillisecond = () => {
    const untilMs = performance.now() + 1
    while (performance.now() < untilMs);
  }
  setTimeout(() => {
    turnEnd.work(() => turnEnd.work(takeAMillisecond))
    for (let i = 0; i < 2 * MOST_PIECES; i++) turnEnd.work(takeAMillisecond)
  }, 1)
  await expect.poll(() => waits.length).toBe(2)
  // The first piece came before all others; while it ran, one came after those that were left.
  expect(waits.map(({ ahead }) => ahead)).toEqual([0, MOST_PIECES + 1])
  expect(waits[1]?.waitedMs).toBeGreaterThanOrEqual(2 * MOST_PIECES - 1)
})
