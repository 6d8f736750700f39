import { readdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Browser, chromium } from "playwright-core"
import { afterAll, beforeAll, expect, it } from "vitest"
import { evaluate } from "#src/cli/evaluate.ts"
import { capturedIo } from "#test/cli/captured-io.ts"
import { logOf } from "#test/cli/simulated-log-folder.ts"
import { temporaryFolder } from "#test/temporary-folder.ts"
import { contrastRatio } from "./contrast.ts"

const DOCS = fileURLToPath(new URL("../../docs/", import.meta.url))
const PICTURES = readdirSync(DOCS).filter((name) => name.endsWith(".svg"))

let browser: Browser
beforeAll(async () => {
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] })
})
afterAll(() => browser.close())

/** Runs in the page: texts that leave the picture, or the box that their middle is in. */
const CUT_TEXTS = `
  const inside = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1
  const picture = document.documentElement.getBoundingClientRect()
  const boxes = [...document.querySelectorAll("rect[rx]")].map((box) => box.getBoundingClientRect());
  [...document.querySelectorAll("text")].filter((text) => {
    const place = text.getBoundingClientRect()
    const x = (place.left + place.right) / 2
    const y = (place.top + place.bottom) / 2
    const box = boxes.find((one) => x > one.left && x < one.right && y > one.top && y < one.bottom)
    return !inside(place, box ?? picture)
  }).map((text) => text.textContent)`

it.each(PICTURES.flatMap((name) => [[name, "light"] as const, [name, "dark"] as const]))(
  "%s cuts no text and is readable in %s",
  async (name, colorScheme) => {
    const page = await browser.newPage({ viewport: { width: 1000, height: 600 }, colorScheme })
    await page.goto(`file://${DOCS}${name}`)
    expect(await page.evaluate<string[]>(CUT_TEXTS)).toEqual([])
    const ground = await page.evaluate<string>('getComputedStyle(document.querySelector(".ground")).fill')
    const inks = await page.evaluate<string[]>(
      '[...document.querySelectorAll("text")].map((text) => getComputedStyle(text).fill)',
    )
    expect(inks.length).toBeGreaterThan(10)
    expect(Math.min(...[...new Set(inks)].map((ink) => contrastRatio(ink, ground)))).toBeGreaterThanOrEqual(4.5)
    await page.close()
  },
)

it("evaluate draws a page that cuts no text", async () => {
  const plot = join(temporaryFolder(), "evaluation.html")
  const policy = '{"kind":"epsilon-greedy","epsilon":0.05,"minPropensity":0.02,"burnInDecisions":100}'
  await evaluate.run(["--log", logOf(), "--experiment", "simulated", "--policy", policy, "--plot", plot], capturedIo())
  const page = await browser.newPage({ viewport: { width: 1000, height: 900 } })
  await page.goto(`file://${plot}`)
  expect(await page.evaluate<string[]>(CUT_TEXTS)).toEqual([])
  const texts = await page.evaluate<string[]>(
    '[...document.querySelectorAll("text")].map((text) => text.firstChild?.textContent)',
  )
  expect(texts).toContain("as logged")
  expect(texts).toContain("uniform")
  await page.close()
})
