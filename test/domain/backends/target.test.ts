import { expect, it } from "vitest"
import { forbiddenAddress } from "#src/domain/backends/dialled-address.ts"
import { parseTargets } from "#src/domain/backends/target.ts"
import { NEVER } from "../../fixtures/forged-addresses.ts"

function problemsOf(target: unknown): string {
  const parsed = parseTargets({ targets: { t: target } })
  return parsed.ok ? "" : parsed.problems.join("\n")
}

const http = (baseUrl: string) => ({ kind: "http", protocol: "json", baseUrl })

it("reads targets of both kinds, with the defaults of their limits", () => {
  const parsed = parseTargets({
    targets: {
      "ctr-kserve": { kind: "http", protocol: "open-inference-v2", baseUrl: "http://kserve.internal:8080/" },
      "ctr-sagemaker": { kind: "sagemaker", endpoint: "ctr", region: "eu-west-1" },
    },
  })
  expect(parsed.ok && Object.fromEntries(parsed.targets)).toEqual({
    "ctr-kserve": {
      kind: "http",
      protocol: "open-inference-v2",
      baseUrl: "http://kserve.internal:8080",
      headers: {},
      maxBodyBytes: 65_536,
      maxConcurrent: 64,
    },
    "ctr-sagemaker": {
      kind: "sagemaker",
      endpoint: "ctr",
      region: "eu-west-1",
      transport: "signed",
      maxBodyBytes: 65_536,
      maxConcurrent: 64,
    },
  })
})

it.each([
  [{ kind: "htp" }, /^targets\.t\.kind must be http or sagemaker/],
  [{ ...http("http://a"), protocol: "v2" }, /^targets\.t\.protocol must be tensorflow-v1 or open-inference-v2/],
  [{ ...http("http://a"), maxBodyBytes: 7 << 20 }, /^targets\.t\.maxBodyBytes /],
  [{ ...http("http://a"), baseurl: "x" }, /baseurl unknown field "baseurl"; did you mean "baseUrl"/],
  [{ ...http("http://a"), headers: { host: "b" } }, /headers\.host.*decided by the request/],
  [{ ...http("http://a"), headers: { "x-a": "b\r\nhost: c" } }, /headers\.x-a must be one line/],
  [{ kind: "sagemaker", endpoint: "a/b" }, /endpoint must be an endpoint's name/],
  [{ kind: "sagemaker", endpoint: "a", inputPrefix: "http://b/" }, /inputPrefix must be s3/],
])("says what is wrong with a target and what would be right: %j", (target, expected) => {
  expect(problemsOf(target)).toMatch(expected)
})

it.each(NEVER)("takes no target at %j", (baseUrl) => {
  expect(problemsOf(http(baseUrl))).toMatch(/^targets\.t\.baseUrl must /)
})

it.each([
  "http://127.0.0.1:8080",
  "http://localhost:8080",
  "http://[::1]:8080",
  "http://10.0.0.7",
  "http://192.168.1.1:80",
  "http://[fd12:3456::1]",
  "https://model_server.internal/seldon/ns/ctr",
  "https://a-b.example.com:8443/v1",
])("takes a target at %j", (baseUrl) => {
  expect(problemsOf(http(baseUrl))).toBe("")
})

it("knows an address however it is written", () => {
  for (const same of ["::FFFF:169.254.169.254", "0::ffff:a9fe:a9fe", "0:0:0:0:0:ffff:169.254.169.254"]) {
    expect(forbiddenAddress(same)).toMatch("link-local")
  }
  for (const fine of ["127.0.0.1", "::1", "10.1.2.3", "fd00:ec2::253", "2606:4700::1111", "1.1.1.1"]) {
    expect(forbiddenAddress(fine)).toBeUndefined()
  }
})
