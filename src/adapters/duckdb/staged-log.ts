import { rm, stat } from "node:fs/promises"
import { join } from "node:path"
import type { DuckDBConnection } from "@duckdb/node-api"
import { GatewayError } from "../../domain/errors.ts"
import type { EvaluationQuery } from "../../ports/evaluation-log.ts"
import type { LogObjects } from "../../ports/log-objects.ts"
import { query, watched } from "./duckdb.ts"
import { byFormat, findLogFiles, type LogFiles, lacksFirst, logObjectsAmong } from "./log-sources.ts"
import { describeParquet, experimentsOf, stagedEvents } from "./staged-events.ts"
import type { TemporarySpace } from "./temporary-space.ts"

/** Where a log is. */
export interface LogPlaces {
  /** Files and folders on this machine. */
  readonly paths: readonly string[]
  /** What has to be fetched. */
  readonly objects: readonly LogObjects[]
}

export interface StagedLog {
  /** Whether the first files of a numbered log are missing. */
  readonly firstLost: boolean
  /** Experiments that the last files have decisions of. */
  readonly experiments: () => Promise<readonly string[]>
}

/**
 * Makes the table `events`: from the files all at once, then from one object after another, of which only the last one is kept.
 *
 * @throws GatewayError `config_invalid` where there is nothing, and as objects do
 */
export async function stageLog(
  connection: DuckDBConnection,
  { paths, objects }: LogPlaces,
  asked: EvaluationQuery,
  space: TemporarySpace,
  progress: (share: number) => void,
): Promise<StagedLog> {
  const files = await findLogFiles(paths)
  const fileBytes = (await Promise.all(files.map(async (file) => (await stat(file)).size))).reduce((a, b) => a + b, 0)
  const listed = await Promise.all(
    objects.map(async (place) => ({ place, own: logObjectsAmong(await place.list(space.signal)) })),
  )
  const remote = listed.flatMap(({ place, own }) => own.map((object) => ({ place, object })))
  const totalBytes = remote.reduce((sum, { object }) => sum + object.bytes, fileBytes)
  const stage = new Stage(connection, asked)
  await stage.add(await byFormat(files), (share) => progress((share * fileBytes) / totalBytes))
  let done = fileBytes
  for (const { place, object } of remote) {
    const file = join(space.folder, "object")
    await rm(file, { force: true })
    await place.fetch(object, file, space.signal)
    await stage.add(await byFormat([file]), () => {})
    await space.check()
    done += object.bytes
    progress(done / totalBytes)
  }
  if (stage.isEmpty) {
    const places = [...paths, ...objects.map(({ address }) => address)].join(", ")
    throw new GatewayError("config_invalid", {
      detail: `${places}: no outcomes there. A log is a data folder, or files of JSON lines (plain or gzipped) or Parquet`,
    })
  }
  return {
    firstLost: lacksFirst([...files, ...remote.map(({ place, object }) => `${place.address} ${object.name}`)]),
    experiments: () => stage.experiments(),
  }
}

/** The table `events` while it is filled. */
class Stage {
  readonly #connection: DuckDBConnection
  readonly #asked: EvaluationQuery
  #last: Parameters<typeof experimentsOf>[0] | undefined

  constructor(connection: DuckDBConnection, asked: EvaluationQuery) {
    this.#connection = connection
    this.#asked = asked
  }

  get isEmpty(): boolean {
    return this.#last === undefined
  }

  async add(files: LogFiles, progress: (share: number) => void): Promise<void> {
    if (Object.values(files).every((some) => some.length === 0)) return
    const described = files.parquet.length === 0 ? [] : await query(this.#connection, describeParquet(files.parquet))
    const parquetTypes = new Map(described.map((row) => [String(row["column_name"]), String(row["column_type"])]))
    const into = this.isEmpty ? "CREATE TABLE events AS" : "INSERT INTO events"
    await watched(this.#connection, `${into} ${stagedEvents({ ...this.#asked, files, parquetTypes })}`, progress)
    this.#last = { files, parquetTypes }
  }

  async experiments(): Promise<readonly string[]> {
    if (this.#last === undefined) return []
    const rows = await query(this.#connection, experimentsOf(this.#last))
    return rows.map(({ experiment }) => String(experiment))
  }
}
