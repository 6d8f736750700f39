import type { Handler } from "hono"
import { GatewayError } from "../../domain/errors.ts"
import { openApiDocument } from "../openapi.ts"
import { docsPage } from "../pages/docs-page.ts"
import { pageHeaders } from "../pages/layout.ts"
import { problemPage } from "../pages/problem-page.ts"

/** `GET /openapi.json`. */
export const openApiRoute: Handler = () =>
  Response.json(openApiDocument(), { headers: { "cache-control": "no-cache" } })

/** `GET /docs`: the contract for people. */
export const docsRoute: Handler = async (c) => c.html(docsPage(openApiDocument()), 200, await pageHeaders())

/** `GET /problems/{slug}`: what the `type` of a problem document leads to. */
export const problemPageRoute: Handler = async (c) => {
  const page = problemPage(c.req.param("slug") ?? "")
  if (page === undefined) throw new GatewayError("not_found", { detail: "There is no such problem. See /docs." })
  return c.html(page, 200, await pageHeaders())
}
