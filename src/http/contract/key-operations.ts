import { MADE_KEY_EXAMPLE } from "./examples.ts"
import { jsonAnswer, type Operation } from "./operation.ts"

const manage = {
  tag: "Keys",
  permission: "admin",
  problems: ["store_unavailable"],
} as const satisfies Partial<Operation>

/** API keys: who may do what. */
export const KEY_OPERATIONS = [
  {
    ...manage,
    id: "listKeys",
    method: "get",
    path: "/admin/keys",
    summary: "The API keys there are",
    description: "Never their secrets, which the gateway doesn't have.",
    answers: [jsonAnswer(200, "The keys", "KeyList")],
  },
  {
    ...manage,
    id: "makeKey",
    method: "post",
    path: "/admin/keys",
    summary: "Make an API key",
    description:
      "The answer has its secret, the only time that it can be seen. It is in force at once here, and within two seconds everywhere.",
    request: {
      maxBytes: 16_384,
      contents: [
        {
          mediaType: "application/json",
          schemas: ["KeyWish"],
          example: { name: "ads", permissions: ["predict"], experiments: ["banner-ctr"], requestsPerSecond: 500 },
        },
      ],
    },
    answers: [jsonAnswer(201, "The key and its secret", "MadeKey", MADE_KEY_EXAMPLE)],
    problems: [...manage.problems, "validation_failed", "too_many_keys", "keys_not_managed", "audit_unavailable"],
  },
  {
    ...manage,
    id: "revokeKey",
    method: "delete",
    path: "/admin/keys/{id}",
    summary: "Revoke an API key",
    description: "It is refused at once here, and within two seconds by every gateway over the same store.",
    parameters: [
      {
        name: "id",
        in: "path",
        required: true,
        description: "The key's id",
        schema: { type: "string", pattern: "^[0-9a-f]{16}$" },
        example: "5f1d7a84b0c93e26",
      },
    ],
    answers: [{ status: 204, description: "Revoked" }],
    problems: [...manage.problems, "not_found", "keys_not_managed", "audit_unavailable"],
  },
] as const satisfies readonly Operation[]
