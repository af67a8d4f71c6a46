// AWS as the providers of credentials see it: Secrets Manager, STS, the SSO portal, its OIDC, sign-in, the container's and
// the instance's metadata. One server on loopback; each part answers as its script says, and every request is kept.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createSecure } from 'node:https';
import { CANARY } from '../test/environment.mjs';

const HOUR = 3_600_000;
/** When what a server gives ends. */
const at = (milliseconds) => new Date(Date.now() + milliseconds).toISOString().replace(/\.\d+Z/, 'Z');

/** A token or a secret of this name: every one holds the canary. */
export const secret = (name) => `${CANARY}-${name}`;
/** The keys of a server's part: the access key id shows who signed with them. */
const keys = (id) => ({ AccessKeyId: id, SecretAccessKey: secret(id), SessionToken: secret(`session-${id}`) });

const json = (status, body, headers = {}) => ({ status, body: JSON.stringify(body), headers });
const jsonError = (status, code, more = {}) =>
  json(status, { __type: code, message: `${code} for ${CANARY}`, ...more }, { 'x-amzn-errortype': code });
const xml = (status, body) => ({ status, body, headers: { 'content-type': 'text/xml' } });
const xmlError = (status, code) =>
  xml(
    status,
    `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${CANARY}</Message></Error></ErrorResponse>`,
  );

/** Never answers. */
export const HANGS = Symbol('hangs');

/** The value of every secret. */
const DATABASE = { host: 'database.internal', port: 5432, database: 'app', username: 'app', password: CANARY };
const SECRET = {
  ARN: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/database/credentials-a1b2c3',
  Name: 'permisos/production/database/credentials',
  SecretString: JSON.stringify(DATABASE),
  VersionId: '00000000-0000-4000-8000-000000000001',
  VersionStages: ['AWSCURRENT'],
  CreatedDate: 1_795_000_000,
};

function assumed({ action, role }, id) {
  const { AccessKeyId, SecretAccessKey, SessionToken } = keys(id);
  return xml(
    200,
    `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result><Credentials>
      <AccessKeyId>${AccessKeyId}</AccessKeyId><SecretAccessKey>${SecretAccessKey}</SecretAccessKey>
      <SessionToken>${SessionToken}</SessionToken><Expiration>${at(HOUR)}</Expiration></Credentials>
      <AssumedRoleUser><Arn>${role}/session</Arn><AssumedRoleId>AROA:session</AssumedRoleId></AssumedRoleUser>
      </${action}Result></${action}Response>`,
  );
}

const roleCredentials = (id, expires = HOUR) => ({
  roleCredentials: {
    accessKeyId: id,
    secretAccessKey: secret(id),
    sessionToken: secret(`session-${id}`),
    expiration: Date.now() + expires,
  },
});

const metadata = (id, expires = HOUR) => {
  const { SessionToken: Token, ...rest } = keys(id);
  return { Code: 'Success', Type: 'AWS-HMAC', LastUpdated: at(-HOUR), ...rest, Token, Expiration: at(expires) };
};

/** What each part can answer; `good` unless a script says otherwise. A part's answer is of the request seen. */
const ANSWERS = {
  agent: { good: () => json(200, SECRET) },
  secretsManager: {
    good: ({ operation }) =>
      operation === 'GetSecretValue' ? json(200, SECRET) : jsonError(400, 'ValidationException'),
    expired: () => jsonError(400, 'ExpiredTokenException'),
    refused: () => jsonError(400, 'UnrecognizedClientException'),
  },
  sts: {
    good: (seen) => assumed(seen, seen.action === 'AssumeRole' ? 'ASIAROLE' : 'ASIAWEBIDENTITY'),
    expired: ({ action }) =>
      xmlError(action === 'AssumeRole' ? 403 : 400, action === 'AssumeRole' ? 'ExpiredToken' : 'ExpiredTokenException'),
    refused: () => xmlError(403, 'AccessDenied'),
  },
  sso: {
    good: () => json(200, roleCredentials('ASIASSO')),
    /** For hardly more than the minute before which others are asked for. */
    short: () => json(200, roleCredentials('ASIASSO', 61_000)),
    expired: () => jsonError(401, 'UnauthorizedException'),
    refused: () => jsonError(403, 'ForbiddenException'),
  },
  oidc: {
    good: () =>
      json(200, {
        accessToken: secret('sso-renewed'),
        tokenType: 'Bearer',
        expiresIn: 3600,
        refreshToken: secret('sso-refresh'),
      }),
    expired: () => jsonError(400, 'InvalidGrantException', { error: 'invalid_grant' }),
    refused: () => jsonError(401, 'InvalidClientException', { error: 'invalid_client' }),
  },
  signin: {
    good: () =>
      json(200, {
        accessToken: {
          accessKeyId: 'ASIALOGINRENEWED',
          secretAccessKey: secret('login'),
          sessionToken: secret('login-session'),
        },
        tokenType: 'aws_sigv4',
        expiresIn: 900,
        refreshToken: secret('login-refresh'),
      }),
    expired: () => jsonError(400, 'AccessDeniedException', { error: 'TOKEN_EXPIRED' }),
    refused: () => jsonError(400, 'AccessDeniedException', { error: 'INSUFFICIENT_PERMISSIONS' }),
  },
  container: {
    good: () => json(200, metadata('ASIACONTAINER')),
    expired: () => json(200, metadata('ASIACONTAINER', -HOUR)),
    refused: () => json(401, { code: 'AccessDenied', message: CANARY }),
  },
  imdsToken: {
    good: () => ({ status: 200, body: secret('imds'), headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '21600' } }),
    refused: () => ({ status: 403, body: CANARY }),
  },
  imds: {
    good: ({ path }) => (path.endsWith('/') ? { status: 200, body: 'app-role' } : json(200, metadata('ASIAIMDS'))),
    expired: ({ path }) =>
      path.endsWith('/') ? { status: 200, body: 'app-role' } : json(200, metadata('ASIAIMDS', -HOUR)),
    /** The instance has no role. */
    refused: () => ({ status: 404, body: CANARY }),
  },
};

/** Which part a request is for, and what it says of itself. */
function describe({ method, url, headers }, body) {
  const { pathname: path, searchParams } = new URL(url, 'http://127.0.0.1');
  const [, signer] = /Credential=([^/]+)\//.exec(headers.authorization ?? '') ?? [];
  const [, operation] = (headers['x-amz-target'] ?? '').split('.');
  if (operation) return { part: 'secretsManager', operation, signer };
  if (path === '/federation/credentials') {
    return { part: 'sso', token: headers['x-amz-sso_bearer_token'], role: searchParams.get('role_name') };
  }
  if (path === '/token') return { part: 'oidc', token: JSON.parse(body).refreshToken };
  if (path === '/v1/token') return { part: 'signin', token: JSON.parse(body).refreshToken, proof: headers.dpop };
  if (path.startsWith('/secretsmanager/get'))
    return { part: 'agent', token: headers['x-aws-parameters-secrets-token'] };
  if (path.startsWith('/container')) return { part: 'container', token: headers.authorization };
  if (path === '/latest/api/token') return { part: 'imdsToken', method };
  if (path.startsWith('/latest/')) return { part: 'imds', path, token: headers['x-aws-ec2-metadata-token'] };
  const form = new URLSearchParams(body);
  const [action, role, token] = ['Action', 'RoleArn', 'WebIdentityToken'].map((name) => form.get(name));
  if (action?.startsWith('AssumeRole')) return { part: 'sts', action, role, token, signer };
  return { part: 'unknown', path, action };
}

/**
 * Starts it, with TLS if there are certificates (`{ key, cert }`). `script` says by part what is answered: a name of
 * `ANSWERS` or `HANGS`. `requests` holds what was seen, until `stop()`.
 */
export async function startAws(script = {}, { host = '127.0.0.1', port = 0, certificates } = {}) {
  const requests = [];
  const server = certificates ? createSecure(certificates) : createServer();
  // A client that refuses the certificate ends the handshake.
  server.on('tlsClientError', () => {});
  server.on('request', async (request, response) => {
    response.on('error', () => {});
    try {
      let body = '';
      for await (const chunk of request) body += chunk;
      const seen = describe(request, body);
      requests.push(seen);
      const how = script[seen.part] ?? 'good';
      if (how === HANGS) return;
      const answer = ANSWERS[seen.part]?.[how]?.(seen) ?? { status: 404, body: CANARY };
      response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers }).end(answer.body);
    } catch {
      response.destroy();
    }
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    url: `${certificates ? 'https' : 'http'}://${host}:${server.address().port}`,
    port: server.address().port,
    requests,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
