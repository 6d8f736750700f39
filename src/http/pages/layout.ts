import { html, raw } from "hono/html"
import { STYLE } from "./style.ts"

/** What `html` makes: text that is already escaped. */
export type Html = ReturnType<typeof html>

/** A whole page: no script, nothing loaded from elsewhere. */
export function layout(page: { readonly title: string; readonly navigation: Html; readonly main: Html }): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.title}</title>
<link rel="icon" href="data:,">
<style>${raw(STYLE)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
${page.navigation}
<main id="main">
${page.main}
</main>
</body>
</html>`
}

let headers: Promise<Record<string, string>> | undefined

/** Headers of every page: the one inline style sheet is allowed by its hash, anything else by nothing. */
export function pageHeaders(): Promise<Record<string, string>> {
  headers ??= makeHeaders()
  return headers
}

async function makeHeaders(): Promise<Record<string, string>> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(STYLE))
  const hash = btoa(String.fromCharCode(...new Uint8Array(digest)))
  return {
    "content-security-policy": `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
  }
}
