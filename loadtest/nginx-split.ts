import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort, type ServerProcess, startServer } from "./server-process.ts"

/** What the backend answers: as much as a plain predictor would. */
const ANSWER = '{"prediction":0.3012638794627709,"model":"ctr-raw"}'
/** Connections are never closed for having served enough: both sides keep them alive. */
const KEEP = "keepalive_requests 100000000;"

/**
 * The static A/B split that a team would deploy instead of a gateway: nginx `split_clients`, half and half, proxying over kept connections to a
 * backend (another nginx) that answers a fixed prediction. Neither writes an access log.
 */
export async function startNginxSplit(cores: {
  readonly server: number
  readonly backend: number
}): Promise<ServerProcess> {
  const folder = await mkdtemp(join(tmpdir(), "bandit-gateway-nginx-"))
  const backend = await startPredictor(folder, cores.backend)
  const port = Number(new URL(backend.url).port)
  const split = await startSplit(folder, cores.server, { champion: port, challenger: port }, "/")
  return {
    ...split,
    stop: async () => {
      await split.stop()
      await backend.stop()
      await rm(folder, { recursive: true })
    },
  }
}

/** An nginx that answers a fixed prediction to whatever it is asked. @param folder for its configuration */
export async function startPredictor(folder: string, core: number): Promise<ServerProcess> {
  const port = await freePort()
  const answer = `location / { default_type application/json; return 200 '${ANSWER}'; }`
  return await startNginx(folder, "backend", port, core, `server { listen 127.0.0.1:${port}; ${answer} }`)
}

/**
 * nginx `split_clients`, half and half, over kept connections to two servers that are there already. Writes no access log.
 *
 * @param folder for its configuration
 * @param ports of the loopback address
 * @param path what both answer with success
 */
export async function startSplit(
  folder: string,
  core: number,
  ports: { readonly champion: number; readonly challenger: number },
  path: string,
): Promise<ServerProcess> {
  const port = await freePort()
  const upstream = (name: keyof typeof ports) =>
    `upstream ${name} { server 127.0.0.1:${ports[name]}; keepalive 64; ${KEEP} }`
  return await startNginx(
    folder,
    "split",
    port,
    core,
    `split_clients "$connection.$connection_requests" $variant { 50% champion; * challenger; }
     ${upstream("champion")} ${upstream("challenger")}
     server { listen 127.0.0.1:${port};
       location / { proxy_pass http://$variant; proxy_http_version 1.1; proxy_set_header Connection ""; } }`,
    path,
  )
}

async function startNginx(
  folder: string,
  name: string,
  port: number,
  core: number,
  servers: string,
  path = "/",
): Promise<ServerProcess> {
  const file = join(folder, `${name}.conf`)
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
  await writeFile(
    file,
    `daemon off; worker_processes 1; pid ${folder}/${name}.pid; error_log stderr;
     events { worker_connections 1024; }
     http { access_log off; ${KEEP}
       ${temporary.map((kind) => `${kind}_temp_path ${folder}/${name}-${kind};`).join(" ")}
       ${servers} }\n`,
  )
  return await startServer(["taskset", "-c", String(core), "nginx", "-e", "stderr", "-c", file], port, path)
}
