import { readFileSync } from "node:fs"
import type { Features } from "#src/ports/model-endpoint.ts"

/** One row of `test/fixtures/ctr/test_rows.csv`: an ad request and what scikit-learn says of it. */
export interface CtrRow {
  readonly features: Features
  readonly probability: { readonly raw: number; readonly prefixed: number }
}

const FEATURE_COLUMNS = 12

export function readCtrRows(): CtrRow[] {
  const [header = "", ...lines] = readFileSync("test/fixtures/ctr/test_rows.csv", "utf8").trim().split("\n")
  const names = header.split(",")
  return lines.map((line) => {
    const cells = line.split(",")
    const cell = (name: string) => Number(cells[names.indexOf(name)])
    return {
      features: Object.fromEntries(names.slice(1, 1 + FEATURE_COLUMNS).map((name, i) => [name, cells[i + 1] ?? ""])),
      probability: { raw: cell("p_seed_raw_logloss"), prefixed: cell("p_prefixed_logloss") },
    }
  })
}
