import type { ExportedRow } from "./exported-rows.ts"

/** Where Open Bandit Pipeline's own loader, `OpenBanditDataset("bts", "all", data_path=…)`, looks in a folder. */
export const OPEN_BANDIT_FILES = { rows: "bts/all/all.csv", items: "bts/all/item_context.csv" }

/** The first line of the rows' file. @param features names, in the order of the columns */
export function openBanditHeading(features: readonly string[]): string {
  const columns = features.map((name) => `user_feature_${name}`)
  return line(["", "timestamp", "item_id", "position", "click", "propensity_score", ...columns])
}

/** A row as the Open Bandit Dataset has it: items are variants by their index, all at one position, and a click is whatever reward there was. */
export function openBanditRow(index: number, features: readonly string[], row: ExportedRow): string {
  const { at, variant, probabilities, reward } = row
  const logged = row.features !== null && typeof row.features === "object" ? row.features : {}
  const values = features.map((name) => textOf((logged as Readonly<Record<string, unknown>>)[name]))
  return line([index, new Date(at).toISOString(), variant, 1, reward, probabilities[variant] as number, ...values])
}

/** The file of items: the name of each variant is its one feature beside a number that the loader asks for. */
export function openBanditItems(variants: readonly string[]): string {
  const rows = variants.map((name, index) => line([index, index, 0, name]))
  return [line(["", "item_id", "item_feature_0", "item_feature_1"]), ...rows].join("")
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return ""
  return typeof value === "string" ? value : JSON.stringify(value)
}

/** Cells as RFC 4180 has them. */
function line(cells: readonly (string | number)[]): string {
  const quoted = cells.map((cell) =>
    typeof cell === "string" && /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : String(cell),
  )
  return `${quoted.join(",")}\n`
}
