import type { Output } from "./command.ts"

const DEFAULT_COLUMNS = 80

/** How wide the output is; one that doesn't say, or says 0 as some pseudo-terminals do, is taken for 80 columns. */
export function widthOf({ columns = 0 }: Output): number {
  return columns > 0 ? columns : DEFAULT_COLUMNS
}

/** Where a line may be broken: not between a number and its sign, as in `88 %` or `> 0.999`. */
const BREAK = /(?<![<>]) +(?!%)/

/** The width to write for: a terminal's own, undefined where nobody reads along and lines may be of any length. */
export function columnsOf(output: Output): number | undefined {
  return output.isTTY === true ? widthOf(output) : undefined
}

/**
 * Text whose lines fit into `columns`: broken between words, never inside one, continued under the line's own indentation.
 * A word that is longer than a line keeps a line of its own.
 *
 * @param columns undefined leaves the text as it is
 * @param hang by how much more the continuation is indented
 */
export function wrapped(text: string, columns: number | undefined, hang = 0): string {
  if (columns === undefined) return text
  return text
    .split("\n")
    .map((line) => wrapLine(line, columns, " ".repeat(hang)))
    .join("\n")
}

function wrapLine(line: string, columns: number, hang: string): string {
  if (line.length <= columns) return line
  const indent = /^ */.exec(line)?.[0] ?? ""
  const lines: string[] = []
  let current = indent
  for (const word of line.trim().split(BREAK)) {
    const empty = current.trim() === ""
    if (!empty && current.length + 1 + word.length > columns) {
      lines.push(current)
      current = `${indent}${hang}${word}`
    } else current = empty ? `${indent}${word}` : `${current} ${word}`
  }
  return [...lines, current].join("\n")
}
