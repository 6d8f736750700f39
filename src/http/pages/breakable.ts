import { html } from "hono/html"
import type { Html } from "./layout.ts"

/** Code (`/admin/experiments`, `reward.bounds`, JSON) that a narrow page breaks after a slash or comma or before a name's dot, not inside a word. */
export function breakable(code: string): Html {
  return html`${code.split(/(?<=[/,])(?=.)|(?=\.[A-Za-z])/).map((part, i) => (i === 0 ? part : html`<wbr>${part}`))}`
}
