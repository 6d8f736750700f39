import { expect, it } from "vitest"
import { columnsOf, wrapped } from "#src/cli/wrapped.ts"

it("breaks between words and keeps a line's indentation", () => {
  expect(wrapped("one two three\n  four five six\n", 10)).toBe("one two\nthree\n  four\n  five six\n")
})

it("never breaks a word, however long it is", () => {
  const address = "http://127.0.0.1:8080/docs"
  expect(wrapped(`see ${address} for more`, 10)).toBe(`see\n${address}\nfor more`)
})

it("keeps a number and its sign together", () => {
  expect(wrapped("at least 88 % of it", 11)).toBe("at least\n88 % of it")
  expect(wrapped("best is > 0.999.", 9)).toBe("best is\n> 0.999.")
})

it("leaves a line that fits as it is, spaces included", () => {
  expect(wrapped("  a    b", 8)).toBe("  a    b")
})

it("leaves everything as it is where there is no terminal", () => {
  const text = "word ".repeat(50)
  expect(wrapped(text, columnsOf({ write: () => true }))).toBe(text)
  expect(columnsOf({ write: () => true, isTTY: true })).toBe(80)
  expect(columnsOf({ write: () => true, isTTY: true, columns: 0 })).toBe(80)
  expect(columnsOf({ write: () => true, isTTY: true, columns: 120 })).toBe(120)
})
