// A certified OpenID provider, for the tests: whoever gives a name at its form is logged in under it.
//
// Usage: node oidc_provider.js '{"port": 0, "clients": [...], ...}'. Writes one line, {"issuer": ...}, when it listens;
// ends with its standard input. A name's claims are those in "accounts", or the name as a verified e-mail address.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const options = JSON.parse(process.argv[2]);
const algorithms = ["RS256", "PS256", "ES256", "EdDSA"];

const key = (kind, parameters, alg, kid) => ({
  ...generateKeyPairSync(kind, parameters).privateKey.export({ format: "jwk" }), use: "sig", alg, kid,
});
const keys = [
  key("rsa", { modulusLength: 2048 }, "RS256", "rsa"),
  key("rsa", { modulusLength: 2048 }, "PS256", "pss"),
  key("ec", { namedCurve: "P-256" }, "ES256", "ec"),
  key("ed25519", {}, "EdDSA", "ed"),
];

const server = createServer();
server.listen(options.port ?? 0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: options.clients,
    jwks: { keys },
    cookies: { keys: ["for tests"] },
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    conformIdTokenClaims: options.conformIdTokenClaims ?? true,
    features: { devInteractions: { enabled: true }, claimsParameter: { enabled: options.claimsParameter ?? false } },
    enabledJWA: { idTokenSigningAlgValues: algorithms },
    ttl: { IdToken: options.idTokenSeconds ?? 600 },
    findAccount: (context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: id, email_verified: true, ...(options.accounts ?? {})[id] }),
    }),
  });
  server.on("request", provider.callback());
  process.stdout.write(`${JSON.stringify({ issuer })}\n`);
});
process.stdin.on("end", () => process.exit(0)).resume();
