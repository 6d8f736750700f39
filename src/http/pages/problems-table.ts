import { html } from "hono/html"
import { PROBLEM_CODES } from "../contract/problem-codes.ts"
import { PROBLEMS, problemSlug } from "../problem.ts"
import { withCode } from "./inline-code.ts"
import type { Html } from "./layout.ts"

/** All problems, each with an anchor. */
export function problemsTable(): Html {
  return html`<table aria-label="Problems">
<thead><tr><th scope="col">Code</th><th scope="col">Status</th><th scope="col">Title</th><th scope="col">What to do</th></tr></thead>
<tbody>
${PROBLEM_CODES.map((code) => {
  const { status, title, help } = PROBLEMS[code]
  return html`<tr id="problem-${code}"><th scope="row"><a href="problems/${problemSlug(code)}"><code>${code}</code></a></th><td>${status}</td><td>${title}</td><td>${withCode(help)}</td></tr>`
})}
</tbody>
</table>`
}
