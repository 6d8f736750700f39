import { GatewayError } from "../../domain/errors.ts"
import { emptyAnswer, jsonAnswer } from "../call.ts"
import { PROBLEM_CODES } from "../contract/problem-codes.ts"
import { experimentJsonSchema, openApiDocument } from "../openapi.ts"
import type { OperationHandler } from "../operation-handler.ts"
import { docsPage } from "../pages/docs-page.ts"
import { type Html, pageHeaders } from "../pages/layout.ts"
import { problemPage } from "../pages/problem-page.ts"
import { problemSlug } from "../problem.ts"
import { type Compress, StaticAnswer, type StaticContent } from "../static-answer.ts"

/**
 * `GET /`: leads people to what there is to see; the location is relative, so that it holds behind a proxy's prefix. A program that takes anything
 * but asks for no page is told what KServe's clients of V1 ask here: whether the server is alive.
 */
export const rootRoute: OperationHandler = (call) =>
  call.header("accept") === "*/*" ? jsonAnswer({ status: "alive" }) : emptyAnswer(302, { location: "docs" })

/** `GET /openapi.json`. */
export function openApiRoute(compress: Compress | undefined): OperationHandler {
  const answer = new StaticAnswer(
    () => ({ text: JSON.stringify(openApiDocument()), headers: { "content-type": "application/json" } }),
    compress,
  )
  return (call) => answer.answer(call)
}

/** `GET /schemas/experiment.json`. */
export function experimentSchemaRoute(compress: Compress | undefined): OperationHandler {
  const answer = new StaticAnswer(
    () => ({ text: JSON.stringify(experimentJsonSchema()), headers: { "content-type": "application/schema+json" } }),
    compress,
  )
  return (call) => answer.answer(call)
}

/** `GET /docs`: the contract for people. */
export function docsRoute(compress: Compress | undefined): OperationHandler {
  const answer = new StaticAnswer(() => pageContent(docsPage(openApiDocument())), compress)
  return (call) => answer.answer(call)
}

/** `GET /problems/{slug}`: what the `type` of a problem document leads to. */
export function problemPageRoute(compress: Compress | undefined): OperationHandler {
  const answers = new Map(
    PROBLEM_CODES.map((code) => {
      const slug = problemSlug(code)
      return [slug, new StaticAnswer(() => pageContent(problemPage(slug)), compress)]
    }),
  )
  return (call) => {
    const answer = answers.get(call.param("slug") ?? "")
    if (answer === undefined) throw new GatewayError("not_found", { detail: "There is no such problem. See /docs." })
    return answer.answer(call)
  }
}

async function pageContent(page: Html | undefined): Promise<StaticContent> {
  const text = String(await page)
  return { text, headers: { ...(await pageHeaders()), "content-type": "text/html; charset=UTF-8" } }
}
