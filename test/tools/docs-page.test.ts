import type { AddressInfo } from "node:net"
import { type Browser, chromium } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { createNodeServer } from "#src/entry/node-server.ts"
import { OPERATIONS } from "#src/http/contract/operations.ts"
import { PROBLEM_CODES } from "#src/http/contract/problem-codes.ts"
import { openApiDocument } from "#src/http/openapi.ts"
import { createTestGateway } from "../http/gateway.ts"
import { contrastRatio } from "./contrast.ts"

const gateway = await createTestGateway()

/** Runs in the page: words that stand on two lines. Commands and answers apart, whose tokens are longer than a narrow page. */
const BROKEN_WORDS = `
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  const broken = []
  while (walk.nextNode()) {
    const text = walk.currentNode
    if (text.parentElement.closest("pre, style")) continue
    for (const word of text.data.matchAll(/[A-Za-z_]+/g)) {
      const range = document.createRange()
      range.setStart(text, word.index)
      range.setEnd(text, word.index + word[0].length)
      const lines = new Set([...range.getClientRects()].filter(({ width }) => width > 0).map(({ top }) => Math.round(top)))
      if (lines.size > 1) broken.push(word[0])
    }
  }
  broken`

describe("given a browser that may reach nothing but the gateway", () => {
  const server = createNodeServer(gateway.application)
  let browser: Browser
  let base: string

  beforeAll(async () => {
    await new Promise<void>((settle) => server.listen(0, "127.0.0.1", settle))
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] })
  })

  afterAll(async () => {
    await browser.close()
    server.closeAllConnections()
    await new Promise((settle) => server.close(settle))
  })

  /** Opens a page at a size; remembers what it said and what it asked others for. */
  async function open(path: string, options: { readonly width: number; readonly colorScheme?: "light" | "dark" }) {
    const { width, colorScheme = "light" } = options
    const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme })
    const complaints: string[] = []
    page.on("console", (message) => complaints.push(message.text()))
    page.on("pageerror", (error) => complaints.push(error.message))
    await page.route("**", async (route) => {
      if (route.request().url().startsWith(`${base}/`)) return await route.continue()
      complaints.push(`asks ${route.request().url()}`)
      return await route.abort()
    })
    await page.goto(base + path)
    return { page, complaints }
  }

  it("shows every operation, problem and schema without a complaint", async () => {
    const { page, complaints } = await open("/docs", { width: 1280 })
    for (const { id, method, path } of OPERATIONS) {
      expect(await page.locator(`section#${id} h3`).innerText()).toBe(`${method.toUpperCase()}${path}`)
    }
    for (const code of PROBLEM_CODES) expect(await page.locator(`tr#problem-${code}`).count()).toBe(1)
    for (const name of Object.keys(openApiDocument().components.schemas)) {
      expect(await page.locator(`section#schema-${name}`).count()).toBe(1)
    }
    expect(complaints).toEqual([])
    await page.close()
  })

  it("has no link that leads nowhere", async () => {
    const { page, complaints } = await open("/docs", { width: 1280 })
    const links = await page.locator("a").evaluateAll((all) => all.map((link) => link.getAttribute("href") ?? ""))
    expect(links.length).toBeGreaterThan(100)
    const anchors = new Set(links.filter((link) => link.startsWith("#")))
    for (const anchor of anchors) {
      expect([anchor, await page.locator(`[id="${anchor.slice(1)}"]`).count()]).toEqual([anchor, 1])
    }
    for (const path of new Set(links).difference(anchors)) {
      expect([path, (await gateway.request(`/${path}`)).status]).toEqual([path, 200])
    }
    await page.goto(`${base}/problems/token-invalid`)
    await page.getByRole("link", { name: "All problems" }).click()
    expect(page.url()).toBe(`${base}/docs#problems`)
    expect(complaints).toEqual([])
    await page.close()
  })

  it.each(["light", "dark"] as const)("is styled and readable on a phone, %s", async (colorScheme) => {
    const { page, complaints } = await open("/docs", { width: 360, colorScheme })
    // As text, since no DOM types are in scope here.
    const overflow = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth")
    const ground = await page.evaluate<string>("getComputedStyle(document.body).backgroundColor")
    const inks = await page.evaluate<string[]>(
      '[...document.querySelectorAll("p, a, h1, h3, .method, .required, .quiet")].map((one) => getComputedStyle(one).color)',
    )
    expect(overflow).toBe(0)
    // WCAG 2.2, 1.4.3: text that everyone can read.
    const least = Math.min(...[...new Set(inks)].map((ink) => contrastRatio(ink, ground)))
    expect(least).toBeGreaterThanOrEqual(4.5)
    expect(new Set(inks).size).toBeGreaterThan(3)
    expect(complaints).toEqual([])
    await page.close()
  })

  it.each([360, 640, 800, 1280])("breaks no word at %i pixels", async (width) => {
    const { page } = await open("/docs", { width })
    await page.evaluate('document.querySelectorAll("details").forEach((one) => (one.open = true))')
    expect(await page.evaluate<string[]>(BROKEN_WORDS)).toEqual([])
    await page.close()
  })

  it("can be used with a keyboard alone", async () => {
    const { page } = await open("/docs", { width: 1280 })
    await page.keyboard.press("Tab")
    expect(await page.evaluate<string>("document.activeElement.textContent")).toBe("Skip to the content")
    await page.keyboard.press("Enter")
    expect(page.url()).toBe(`${base}/docs#main`)
    await page.close()
  })
})
