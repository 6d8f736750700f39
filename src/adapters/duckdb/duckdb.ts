import type { DuckDBConnection } from "@duckdb/node-api"
import { GatewayError } from "../../domain/errors.ts"

/** How much of the machine a database may take. */
export interface DuckDbLimits {
  readonly threads: number
  /** Of its buffers; the process needs more. */
  readonly memoryMiB: number
  /** Of the folder that it works in. */
  readonly temporaryGiB: number
}

/**
 * Opens a database in a file of this folder.
 *
 * @throws GatewayError `config_invalid` where the package is not installed
 */
export async function openDuckDb(
  folder: string,
  { threads, memoryMiB, temporaryGiB }: DuckDbLimits,
): Promise<{ readonly connection: DuckDBConnection; readonly close: () => void }> {
  const { DuckDBInstance } = await loadPackage()
  const instance = await DuckDBInstance.create(`${folder}/rows.duckdb`, {
    threads: String(threads),
    memory_limit: `${memoryMiB}MiB`,
    max_temp_directory_size: `${temporaryGiB}GiB`,
    temp_directory: `${folder}/spilled`,
    preserve_insertion_order: "false",
    // Nothing is fetched from anywhere.
    autoinstall_known_extensions: "false",
  })
  const connection = await instance.connect()
  // Without it the connection doesn't say how far a statement has come.
  await connection.run("SET enable_progress_bar = true; SET enable_progress_bar_print = false")
  return {
    connection,
    close: () => {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

/** Optional, since only evaluation needs its 70 MB. */
async function loadPackage() {
  try {
    return await import("@duckdb/node-api")
  } catch (cause) {
    throw new GatewayError("config_invalid", {
      detail:
        "evaluate needs the package @duckdb/node-api, an optional dependency that is not installed here. Install it: npm install --include=optional",
      cause,
    })
  }
}

/** A text in SQL. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** Rows of a query that has few. */
export async function query(
  connection: DuckDBConnection,
  sql: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJS()
}

/** Runs a statement and says now and then how far it has come. */
export async function watched(
  connection: DuckDBConnection,
  sql: string,
  progress: (share: number) => void,
): Promise<void> {
  const timer = setInterval(() => progress(Math.max(0, connection.progress.percentage) / 100), 100)
  try {
    await connection.run(sql)
  } finally {
    clearInterval(timer)
  }
}
