import { createReadStream } from "node:fs"
import { open } from "node:fs/promises"
import { pipeline } from "node:stream"
import { createGunzip } from "node:zlib"
import { GatewayError } from "../../domain/errors.ts"
import { MAX_LINE_BYTES } from "../../domain/outcome-line.ts"

const LINE_FEED = 10
const CHUNK_BYTES = 4 << 20

/**
 * Reads a file of lines, plain or compressed by gzip, also in several parts one after the other.
 *
 * @returns whole lines in chunks, each with its line feed, also the last of a file that ends without. Whoever takes a chunk may change it
 * @throws GatewayError `config_invalid` for a file that can't be read: one that is cut off, Parquet
 */
export async function* readCopiedLines(path: string): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0)
  try {
    for await (const chunk of await unpacked(path)) {
      const all = Buffer.concat([rest, chunk])
      const end = all.lastIndexOf(LINE_FEED) + 1
      // What is longer than any line is damage, and so is its end.
      rest = all.length - end > MAX_LINE_BYTES ? Buffer.alloc(0) : all.subarray(end)
      if (end > 0) yield all.subarray(0, end)
    }
    if (rest.length > 0) yield Buffer.concat([rest, Buffer.of(LINE_FEED)])
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause
    throw new GatewayError("config_invalid", { detail: `${path} can't be read: look whether it is all there`, cause })
  }
}

/** Tells by how a file begins what it is, since what a delivery stream writes has no telling name. */
async function unpacked(path: string): Promise<AsyncIterable<Buffer>> {
  const file = await open(path, "r")
  const { bytesRead, buffer } = await file.read(Buffer.alloc(4), 0, 4, 0)
  await file.close()
  const begin = buffer.toString("latin1", 0, bytesRead)
  if (begin === "PAR1") {
    const detail = `${path} is Parquet, which doesn't keep lines as they were: name files of JSON lines, plain or gzipped`
    throw new GatewayError("config_invalid", { detail })
  }
  const bytes = createReadStream(path, { highWaterMark: CHUNK_BYTES })
  if (!begin.startsWith("\u001f\u008b")) return bytes
  return pipeline(bytes, createGunzip({ chunkSize: CHUNK_BYTES }), () => {})
}
