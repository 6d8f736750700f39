import { readFileSync } from "node:fs"

/** A row of the Open Bandit Dataset: an item at a position, drawn with `logged` and given `target` by the other policy. */
export interface ObdRow {
  readonly item: number
  readonly position: number
  readonly click: number
  readonly logged: number
  readonly target: number
}

export const OBD_ITEMS = 34

const FOLDER = new URL("../../fixtures/obd/", import.meta.url)

export function obdRows(name: "men_random" | "men_bts"): ObdRow[] {
  const [, ...lines] = readFileSync(new URL(`${name}.csv`, FOLDER), "utf8")
    .trimEnd()
    .split("\n")
  return lines.map((line) => {
    const [item = 0, position = 0, click = 0, logged = 0, target = 0] = line.split(",").map(Number)
    return { item, position, click, logged, target }
  })
}

export function obdReference() {
  const { campaigns } = JSON.parse(readFileSync(new URL("reference.json", FOLDER), "utf8"))
  return campaigns.men
}
