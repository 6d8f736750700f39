import { html } from "hono/html"
import { PROBLEM_CODES } from "../contract/problem-codes.ts"
import { PROBLEMS, problemSlug } from "../problem.ts"
import { withCode } from "./inline-code.ts"
import { type Html, layout } from "./layout.ts"

/** The page of one problem type. Undefined where there is no such type. */
export function problemPage(slug: string): Html | undefined {
  const code = PROBLEM_CODES.find((one) => problemSlug(one) === slug)
  if (code === undefined) return undefined
  const { status, title, help } = PROBLEMS[code]
  return layout({
    title: `${title}: bandit-gateway`,
    navigation: html`<nav aria-label="Site"><a href="../docs#problems">All problems</a></nav>`,
    main: html`<h1>${title}</h1>
<p class="quiet">Problem type <code>/problems/${slug}</code></p>
<section>
<h2>What to do</h2>
<p>${withCode(help)}</p>
<p class="quiet">Status ${status}, code <code>${code}</code></p>
</section>`,
  })
}
