// A real OpenID provider on loopback for tests: node oidc-provider, set up by a JSON file.
//   node oidc_provider.mjs FOLDER_OF_NODE_MODULES SETTINGS.json     prints "ready ISSUER" when it answers
// settings: clients, users {sub: claims}, resources {identifier: scopes}, algorithm of ID tokens.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [folder, file] = process.argv.slice(2);
const { Provider, errors } = await import(pathToFileURL(createRequire(`${folder}/`).resolve('oidc-provider')));
const settings = JSON.parse(readFileSync(file));
// Users and passports may be written while it runs: they can hold what names the issuer.
const now = () => JSON.parse(readFileSync(file));
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const PASSPORT = 'urn:ga4gh:params:oauth:token-type:passport';

const server = createServer();
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  jwks: settings.jwks,
  clients: settings.clients,
  scopes: ['openid', 'offline_access', 'profile', 'email', 'ga4gh_passport_v1', 'beacon:query', 'mme:match'],
  claims: {
    openid: ['sub', 'acr', 'amr'], profile: ['name', 'preferred_username', 'groups'], email: ['email'],
    ga4gh_passport_v1: ['ga4gh_passport_v1'],
  },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  cookies: { keys: ['for tests alone'] },
  enabledJWA: { clientAuthSigningAlgValues: ['ES256', 'RS256'] },
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    dPoP: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo(ctx, resource) {
        if (!settings.resources[resource]) throw new errors.InvalidTarget();
        return {
          scope: settings.resources[resource], audience: resource, accessTokenTTL: 300,
          accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } },
        };
      },
    },
  },
  async findAccount(ctx, sub) {
    const { users } = now();
    if (!users[sub]) return undefined;
    return { accountId: sub, claims: async () => ({ sub, ...users[sub] }) };
  },
});
// Passports by token exchange, which the library leaves to its users (GA4GH AAI 1.2).
provider.registerGrantType(EXCHANGE, async (ctx) => {
  const asked = ctx.oidc.params;
  if (asked.requested_token_type !== PASSPORT) throw new errors.InvalidRequest('requested_token_type');
  const { jwtVerify, createLocalJWKSet } = await import(
    pathToFileURL(createRequire(`${folder}/`).resolve('jose')));
  const keys = settings.jwks.keys.map(({ kty, crv, x, y, n, e, kid, alg, use }) => ({ kty, crv, x, y, n, e, kid, alg, use }));
  let subject;
  try {
    subject = (await jwtVerify(asked.subject_token, createLocalJWKSet({ keys }), { issuer, typ: 'at+jwt' })).payload;
  } catch (fault) { throw new errors.InvalidGrant(fault.code); }
  if (!subject.scope.split(' ').includes('ga4gh_passport_v1')) throw new errors.InvalidScope('ga4gh_passport_v1');
  ctx.body = {
    access_token: now().passports?.[subject.sub] ?? '', issued_token_type: PASSPORT, token_type: 'N_A', expires_in: 300,
  };
}, ['audience', 'resource', 'scope', 'requested_token_type', 'subject_token', 'subject_token_type'], ['audience', 'resource']);
provider.on('server_error', (ctx, fault) => console.error(fault));
server.on('request', provider.callback());
console.log(`ready ${issuer}`);
