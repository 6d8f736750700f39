import { html } from "hono/html"
import { OPERATIONS } from "../contract/operations.ts"
import type { OpenApiDocument } from "../openapi.ts"
import { breakable } from "./breakable.ts"
import { GLOSSARY, glossaryAnchor } from "./glossary.ts"
import { withCode } from "./inline-code.ts"
import { type Html, layout } from "./layout.ts"
import { methodBadge, operationSection } from "./operation-section.ts"
import { problemsTable } from "./problems-table.ts"
import { schemaSection } from "./schema-section.ts"

/** The HTTP contract as one page. */
export function docsPage(document: OpenApiDocument): Html {
  return layout({
    title: `${document.info.title}: HTTP contract`,
    navigation: navigation(document),
    main: main(document),
  })
}

function navigation({ tags, components }: OpenApiDocument): Html {
  return html`<nav class="side" aria-label="Contents">
<details>
<summary>Contents</summary>
${tags.map(
  ({ name }) => html`<h2>${name}</h2>
<ul>${OPERATIONS.filter(({ tag }) => tag === name).map(
    (operation) =>
      html`<li><a href="#${operation.id}">${methodBadge(operation)}<span>${breakable(operation.path)}</span></a></li>`,
  )}</ul>`,
)}
<h2>Reference</h2>
<ul>
<li><a href="#glossary">Glossary</a></li>
<li><a href="#problems">Problems</a></li>
${Object.keys(components.schemas).map((name) => html`<li><a href="#schema-${name}">${name}</a></li>`)}
</ul>
</details>
</nav>`
}

function main({ info, tags, components }: OpenApiDocument): Html {
  return html`<h1>${info.title}</h1>
<p class="lead">${info.description}</p>
<p>Version ${info.version}. For programs: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1). Every answer outside 2xx is a
<a href="#problems">problem document</a>. Words such as <a href="#term-propensity">propensity</a> and <a href="#term-allocation">allocation</a> are
explained in the <a href="#glossary">glossary</a>.</p>
<h4>A decision and its reward</h4>
<pre><code>${FIRST_CALLS}</code></pre>
${tags.map(
  ({ name, description }) => html`<h2 id="tag-${name}">${name}</h2>
<p>${description}</p>
${OPERATIONS.filter(({ tag }) => tag === name).map(operationSection)}`,
)}
<h2 id="problems">Problems</h2>
<p>Media type <code>application/problem+json</code> (RFC 9457). <code>type</code>, <code>title</code> and <code>code</code> never vary; <code>detail</code> and
<code>errors</code> say what was wrong with the request at hand. What can be tried again has <code>Retry-After</code>.</p>
${problemsTable()}
${glossarySection()}
<h2 id="schemas">Schemas</h2>
${Object.entries(components.schemas).map(([name, schema]) => schemaSection(name, schema))}`
}

function glossarySection(): Html {
  return html`<h2 id="glossary">Glossary</h2>
<dl>
${GLOSSARY.map(({ term, meaning }) => html`<dt id="term-${glossaryAnchor(term)}">${term}</dt><dd>${withCode(meaning)}</dd>`)}
</dl>`
}

const FIRST_CALLS = `curl http://127.0.0.1:8080/predict \\
  -H 'content-type: application/json' \\
  -d '{"unitId":"user-42","features":{"hour":"14102100","banner_pos":"0","site_id":"1fbe01fe"}}'

curl http://127.0.0.1:8080/reward \\
  -H 'content-type: application/json' \\
  -d '{"decision":"<decision of the answer above>","value":1}'`
