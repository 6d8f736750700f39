import { html } from "hono/html"
import type { Content, Operation, OperationAnswer, Parameter, RequestBody } from "../contract/operation.ts"
import { problemsOf, sizeOf } from "../openapi.ts"
import { PROBLEMS, problemSlug } from "../problem.ts"
import { breakable } from "./breakable.ts"
import { curlOf } from "./curl.ts"
import type { Html } from "./layout.ts"
import { schemaLink, typeOf } from "./schema-section.ts"

/** One operation: what it does, how to call it, what it answers. */
export function operationSection(operation: Operation): Html {
  const { id, summary, description, permission, parameters, request, answers } = operation
  return html`<section id="${id}">
<h3>${methodBadge(operation)}<code class="path">${breakable(operation.path)}</code></h3>
<p><strong>${summary}.</strong> ${description}</p>
${permission === undefined ? "" : html`<p class="quiet">Where keys are configured: <code>Authorization: Bearer &lt;key&gt;</code> with the permission <code>${permission}</code>.</p>`}
<pre><code>${curlOf(operation)}</code></pre>
${parameters === undefined ? "" : parametersTable(parameters)}
${request === undefined ? "" : requestList(request)}
${answers.map(answerPart)}
<p class="quiet">Problems: ${problemsOf(operation).map((code, i) => html`${i === 0 ? "" : ", "}<a href="#problem-${code}">${PROBLEMS[code].status} ${problemSlug(code)}</a>`)}</p>
</section>`
}

export function methodBadge({ method }: Pick<Operation, "method">): Html {
  return html`<span class="method ${method}">${method.toUpperCase()}</span>`
}

function parametersTable(parameters: readonly Parameter[]): Html {
  return html`<table>
<caption>Parameters</caption>
<thead><tr><th scope="col">Name</th><th scope="col">Where</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead>
<tbody>
${parameters.map(
  (parameter) => html`<tr>
<th scope="row"><code>${parameter.name}</code>${parameter.required ? html` <span class="required">required</span>` : ""}</th>
<td>${parameter.in}</td>
<td>${typeOf(parameter.schema)}</td>
<td>${parameter.description}${parameter.schema["default"] === undefined ? "" : html`. Default <code>${JSON.stringify(parameter.schema["default"])}</code>`}</td>
</tr>`,
)}
</tbody>
</table>`
}

function requestList(request: RequestBody): Html {
  return html`<h4>Request body</h4>
<p>${sizeOf(request)}.</p>
<ul>
${request.contents.map((content) => html`<li><code>${content.mediaType}</code>: ${contentType(content)}</li>`)}
</ul>`
}

function contentType({ schemas = [], list, mediaType }: Content): Html | string {
  if (mediaType === "application/x-ndjson") return html`one ${schemaLink("RewardItem")} a line`
  if (schemas.length === 0) return ""
  const names = schemas.map((name, i) => html`${i === 0 ? "" : " or "}${schemaLink(name)}`)
  return html`${list === true ? "a list of " : ""}${names}`
}

function answerPart({ status, description, content = [], headers }: OperationAnswer): Html {
  return html`<h4>Answer ${status}</h4>
<p>${description}.${content.map((one) => html` <code>${one.mediaType}</code> ${contentType(one)}`)}</p>
${headers === undefined ? "" : html`<ul>${Object.entries(headers).map(([name, meaning]) => html`<li><code>${name}</code>: ${meaning}</li>`)}</ul>`}
${content.map(({ example }) => (example === undefined ? "" : html`<pre><code>${JSON.stringify(example, null, 2)}</code></pre>`))}`
}
