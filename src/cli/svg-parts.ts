/** What pictures of the command line share. */

/** After Okabe and Ito: colours that colour-blind readers tell apart, on light and on dark ground; dashes repeat them. */
const COLOURS = ["#2F8FD8", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"]
const DASHES = ["", "7 4", "2 3"]

/** Colours of a picture on light and on dark ground. */
export const PICTURE_STYLE = `
  .ground { fill: #ffffff } text { fill: #24292f; font: 13px system-ui, sans-serif } .title { font-size: 15px; font-weight: 600 }
  .grid { stroke: #d0d7de; stroke-width: 1 } .axis { stroke: #57606a; stroke-width: 1 } .line { fill: none; stroke-width: 2.2 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } text { fill: #e6edf3 } .grid { stroke: #30363d } .axis { stroke: #8b949e }
  }`

/** A page of its own with a picture. */
export function pageOf(title: string, width: number, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title><meta name="color-scheme" content="light dark">
<style>body { margin: 2rem auto; max-width: ${width}px } svg { max-width: 100%; height: auto }</style></head>
<body>${body}</body></html>
`
}

/** A colour for the index of a line or a bar. */
export function colourOf(index: number): string {
  return COLOURS[index % COLOURS.length] ?? "#808080"
}

/** An attribute that repeats the colour as dashes, once colours have run out. */
export function dashOf(index: number): string {
  const dash = DASHES[Math.floor(index / COLOURS.length) % DASHES.length] ?? ""
  return dash === "" ? "" : ` stroke-dasharray="${dash}"`
}

/** Round steps of 1, 2 or 5 from 0, about five of them, the last at or below the end. */
export function ticks(end: number): number[] {
  const rough = end / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? rough
  return Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, index) => index * step)
}

/** Round values between two ends, about five of them. */
export function ticksBetween(low: number, high: number): number[] {
  const step = ticks(high - low)[1] ?? high - low
  const first = Math.ceil(low / step - 1e-9)
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, index) => (first + index) * step)
}

/** A coordinate. */
export function at(value: number): string {
  return value.toFixed(1)
}

/** A figure to read. */
export function number(value: number): string {
  return value.toLocaleString("en", { maximumSignificantDigits: value >= 1000 ? 6 : 3 })
}

/** A text in XML. */
export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")
}
