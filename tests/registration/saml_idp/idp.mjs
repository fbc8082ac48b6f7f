// An identity provider made of samlify, at which everybody is alice@example.com.
//
//   node idp.mjs KEY.pem CERTIFICATE.pem      prints its port
//
// GET /metadata   its own
// POST /sp        takes the service provider's
// GET /login      checks a signed request, and answers with a form, as for a browser
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import samlify from "samlify";

const { Constants, IdentityProvider, SamlLib, ServiceProvider, setSchemaValidator } = samlify;
setSchemaValidator({ validate: async () => "not checked here" });

const [keyFile, certificateFile] = process.argv.slice(2);
const encoded = readFileSync(certificateFile, "utf8").replace(/-----[A-Z ]+-----|\s/g, "");
const context = SamlLib.defaultLoginResponseTemplate.context;
let identityProvider, serviceProvider;

function makeProvider(port) {
  const location = `http://127.0.0.1:${port}/login`;
  return IdentityProvider({
    entityID: `http://127.0.0.1:${port}/metadata`,
    privateKey: readFileSync(keyFile, "utf8"),
    signingCert: encoded,
    isAssertionEncrypted: false,
    wantAuthnRequestsSigned: true,
    requestSignatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    singleSignOnService: [
      { Binding: Constants.namespace.binding.redirect, Location: location },
      { Binding: Constants.namespace.binding.post, Location: location },
    ],
    nameIDFormat: ["urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"],
    loginResponseTemplate: {
      context,
      attributes: [
        {
          name: "EmailAddress",
          valueTag: "mail",
          nameFormat: "urn:oasis:names:tc:SAML:2.0:attrname-format:basic",
          valueXsiType: "xs:string",
        },
      ],
    },
  });
}

function filled(request) {
  return (template) => {
    const now = Date.now();
    const at = (seconds) => new Date(now + 1000 * seconds).toISOString();
    const id = `_${crypto.randomUUID()}`;
    const consumer = serviceProvider.entityMeta.getAssertionConsumerService("post");
    const values = {
      ID: id,
      AssertionID: `_${crypto.randomUUID()}`,
      Destination: consumer,
      SubjectRecipient: consumer,
      Audience: serviceProvider.entityMeta.getEntityID(),
      Issuer: identityProvider.entityMeta.getEntityID(),
      IssueInstant: at(0),
      ConditionsNotBefore: at(0),
      ConditionsNotOnOrAfter: at(300),
      SubjectConfirmationDataNotOnOrAfter: at(300),
      StatusCode: "urn:oasis:names:tc:SAML:2.0:status:Success",
      NameIDFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
      NameID: "alice.a",
      InResponseTo: request.extract.request.id,
      attrMail: "alice@example.com",
    };
    const statement = `<saml:AuthnStatement AuthnInstant="${at(0)}"><saml:AuthnContext><saml:AuthnContextClassRef>\
urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml:AuthnContextClassRef></saml:AuthnContext>\
</saml:AuthnStatement>`;
    const whole = template.replace("{AuthnStatement}", statement);
    return { id, context: SamlLib.replaceTagsByValue(whole, values) };
  };
}

async function login(url) {
  const query = Object.fromEntries(url.searchParams);
  const octetString = url.search.slice(1, url.search.indexOf("&Signature="));
  const request = await identityProvider.parseLoginRequest(serviceProvider, "redirect", { query, octetString });
  const reply = filled(request);
  const response = await identityProvider.createLoginResponse(serviceProvider, request, "post", {}, reply);
  return `<form method="post" action="${response.entityEndpoint}">
<input type="hidden" name="SAMLResponse" value="${response.context}"/>
<input type="hidden" name="RelayState" value="${query.RelayState ?? ""}"/></form>`;
}

async function answer(message) {
  const url = new URL(message.url, "http://127.0.0.1");
  if (url.pathname === "/metadata") return identityProvider.getMetadata();
  if (url.pathname === "/login") return login(url);
  let body = "";
  for await (const piece of message) body += piece;
  serviceProvider = ServiceProvider({ metadata: body });
  return "";
}

const server = createServer((message, response) => {
  answer(message).then(
    (body) => response.end(body),
    (error) => response.writeHead(400).end(String(error)),
  );
});
server.listen(0, "127.0.0.1", () => {
  identityProvider = makeProvider(server.address().port);
  console.log(server.address().port);
});
