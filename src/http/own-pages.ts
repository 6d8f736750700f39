import { GatewayError } from "../domain/errors.ts"
import type { Call } from "./call.ts"

/** Refuses a call that a page of somebody else has a browser make. @throws GatewayError `origin_not_allowed` */
export type RequireOwnPage = (call: Call) => void

/**
 * Keeps browsers from becoming the way in: a browser sends what it knows of its user to wherever a page tells it, and a gateway on loopback asks
 * for no key. What a browser says of the page is believed, since a page can't change it; a program says nothing.
 *
 * `same-site` is not enough: another port of the same host is the same site.
 *
 * @param publicUrl where pages find the gateway behind a proxy; without it they are found under the host that the request names
 */
export function requireOwnPage(publicUrl: string | undefined): RequireOwnPage {
  const publicOrigin = publicUrl === undefined ? undefined : new URL(publicUrl).origin
  return (call) => {
    const site = call.header("sec-fetch-site")
    if (site === "same-origin") return
    const origin = call.header("origin")
    const own = publicOrigin ?? `http://${call.header("host") ?? ""}`
    if (site === undefined && (origin === undefined || origin === own)) return
    throw new GatewayError("origin_not_allowed", {
      detail:
        "A browser sent this for a page that is not the gateway's own. Behind a proxy, PUBLIC_URL says under which address its pages are.",
    })
  }
}
