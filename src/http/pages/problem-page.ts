import { html } from "hono/html"
import { PROBLEM_CODES } from "../contract/problem-codes.ts"
import { PROBLEMS, problemSlug } from "../problem.ts"
import { withCode } from "./inline-code.ts"
import { type Html, layout } from "./layout.ts"

/** The page of one problem type; codes that share a type share the page. Undefined where there is no such type. */
export function problemPage(slug: string): Html | undefined {
  const codes = PROBLEM_CODES.filter((code) => problemSlug(code) === slug)
  const first = codes[0]
  if (first === undefined) return undefined
  return layout({
    title: `${PROBLEMS[first].title}: bandit-gateway`,
    navigation: html`<nav aria-label="Site"><a href="../docs#problems">All problems</a></nav>`,
    main: html`<h1>${codes.length === 1 ? PROBLEMS[first].title : slug}</h1>
<p class="quiet">Problem type <code>/problems/${slug}</code></p>
${codes.map((code) => {
  const { status, title, help } = PROBLEMS[code]
  return html`<section>
<h2>${codes.length === 1 ? "What to do" : title}</h2>
<p>${withCode(help)}</p>
<p class="quiet">Status ${status}, code <code>${code}</code></p>
</section>`
})}`,
  })
}
