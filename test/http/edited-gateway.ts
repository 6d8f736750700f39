import { bannerDocument, readJson, type TestGateway } from "./gateway.ts"

/** What creates an experiment. */
export const NEW = { "if-none-match": "*" }
/** What changes the experiment at that revision. */
export const at = (revision: number | string) => ({ "if-match": `"${revision}"` })

/** The document of banner-ctr, whose id is the address's. */
export const WITHOUT_ID = { ...bannerDocument(), id: undefined }

export async function put(gateway: TestGateway, id: string, document: unknown, headers: Record<string, string> = NEW) {
  return await gateway.request(`/admin/experiments/${id}`, {
    method: "PUT",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(document),
  })
}

export async function revisionOf(gateway: TestGateway, id = "banner-ctr"): Promise<unknown> {
  return (await readJson(await gateway.request(`/admin/experiments/${id}`)))["revision"]
}
