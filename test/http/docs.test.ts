import { describe, expect, it } from "vitest"
import { PROBLEM_CODES } from "#src/http/contract/problem-codes.ts"
import { PROBLEMS, problemSlug } from "#src/http/problem.ts"
import { createTestGateway } from "./gateway.ts"

const gateway = await createTestGateway()

describe("the pages", () => {
  it("allow nothing but their own style sheet", async () => {
    for (const path of ["/docs", "/problems/token-invalid"]) {
      const { headers } = await gateway.request(path)
      const policy = headers.get("content-security-policy")
      expect(policy).toMatch(
        /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; img-src data:; base-uri 'none'/,
      )
      expect(headers.get("content-type")).toMatch(/^text\/html/)
      expect(headers.get("x-content-type-options")).toBe("nosniff")
    }
  })

  it("explain every problem behind its type", async () => {
    for (const code of PROBLEM_CODES) {
      const response = await gateway.request(`/problems/${problemSlug(code)}`)
      const text = await response.text()
      expect(response.status).toBe(200)
      expect(text).toContain(`code <code>${code}</code>`)
      expect(text).toContain(`Status ${PROBLEMS[code].status}`)
    }
  })

  it.each(["/problems/unknown", "/problems/__proto__", "/problems/%3Cscript%3E", "/problems/"])(
    "have none for %s",
    async (path) => {
      const response = await gateway.request(path)
      expect(response.status).toBe(404)
      expect(await response.text()).not.toMatch(/script|proto/)
    },
  )
})
