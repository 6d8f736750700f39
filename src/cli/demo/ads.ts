import type { Features } from "../../ports/model-endpoint.ts"

/** A labelled ad request: what a model may know of it, and whether it was clicked. */
export interface Ad {
  readonly features: Features
  readonly clicked: boolean
}

/**
 * Reads labelled ads: a header line, then `click` (0 or 1) and the features of one ad a line. Cells hold no commas or quotes.
 *
 * @throws Error that names the line that is none
 */
export function readAds(csv: string): Ad[] {
  const [header = "", ...lines] = csv.trimEnd().split("\n")
  const [label, ...names] = header.split(",")
  if (label !== "click") throw new Error("labelled ads begin with a column named click")
  return lines.map((line, index) => {
    const [click, ...cells] = line.split(",")
    if ((click !== "0" && click !== "1") || cells.length !== names.length) {
      throw new Error(`line ${index + 2} of the labelled ads is not a click of 0 or 1 and ${names.length} features`)
    }
    return { features: Object.fromEntries(names.map((name, i) => [name, cells[i] ?? ""])), clicked: click === "1" }
  })
}
