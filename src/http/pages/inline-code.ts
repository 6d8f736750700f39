import { html } from "hono/html"
import type { Html } from "./layout.ts"

/** A sentence whose backquoted parts are code. */
export function withCode(sentence: string): Html {
  return html`${sentence.split("`").map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : part))}`
}
