import { promisify } from "node:util"
import { brotliCompress, constants, gzip } from "node:zlib"
import type { Compress } from "../http/static-answer.ts"

/** Near the best that brotli can do; the last two steps take twenty times as long for 5 %. */
const BROTLI_QUALITY = 9

/** Compresses on Node's threads. */
export const compressOnThreads: Compress = async (bytes) => {
  const [br, gzipped] = await Promise.all([
    promisify(brotliCompress)(bytes, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    }),
    promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION }),
  ])
  return { br, gzip: gzipped }
}
