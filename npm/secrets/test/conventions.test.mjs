// AWS's own conventions: endpoint, profile and role, each seen by the server.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { promisify } from 'node:util';

const ROLE = 'arn:aws:iam::123456789012:role/reader';

let folder;
let server;
let seen;
let url;

// Secrets Manager and STS in one: what it answers is recorded from the services' documentation.
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'permisos-secrets-'));
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const [, key, region] = /Credential=([^/]+)\/\d+\/([^/]+)/.exec(request.headers.authorization) ?? [];
    seen.push({ key, region, path: request.url, role: new URLSearchParams(body).get('RoleArn') });
    if (body.includes('denied')) return response.writeHead(403, { 'content-type': 'text/xml' }).end(denied());
    if (!body.startsWith('{')) return response.setHeader('content-type', 'text/xml').end(assumed());
    const value = { Name: 'x', ARN: 'arn:x', VersionId: 'v1', SecretString: '{"host":"cache"}' };
    response.setHeader('content-type', 'application/x-amz-json-1.1').end(JSON.stringify(value));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${server.address().port}`;
});

beforeEach(() => (seen = []));

after(async () => {
  server.close();
  server.closeAllConnections();
  await rm(folder, { recursive: true });
});

function assumed() {
  const expiration = new Date(Date.now() + 3_600_000).toISOString();
  return `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
    <AccessKeyId>ASSUMED</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>x</SessionToken>
    <Expiration>${expiration}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`;
}

function denied() {
  return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
    <Code>AccessDenied</Code><Message>denied to CANARY</Message></Error><RequestId>x</RequestId></ErrorResponse>`;
}

/** Loads one secret in a process with these variables and no others; answers what it prints. */
async function load(options, variables) {
  const document = JSON.stringify({ source: 'aws', services: ['redis'], env: {}, ...options });
  const program = `
    import { Secrets } from '@permisos/secrets';
    Secrets.open(${document}).then((it) => console.log(it.getRedisConfig().host), (error) => console.log(error.message));
  `;
  const files = { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_EC2_METADATA_DISABLED: 'true' };
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    cwd: new URL('..', import.meta.url),
    env: { PATH: process.env.PATH, ...files, ...variables },
    timeout: 60_000,
  });
  return stdout.trim();
}

const KEYS = { AWS_ACCESS_KEY_ID: 'PLAIN', AWS_SECRET_ACCESS_KEY: 'x' };

test('AWS_ENDPOINT_URL_SECRETS_MANAGER and AWS_REGION say where', async () => {
  const variables = { ...KEYS, AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL_SECRETS_MANAGER: url };
  assert.equal(await load({}, variables), 'cache');
  assert.deepEqual([seen[0].key, seen[0].region], ['PLAIN', 'eu-west-1']);
});

test('the options endpointUrl and region win over the variables', async () => {
  const variables = { ...KEYS, AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL: 'http://127.0.0.1:1' };
  assert.equal(await load({ endpointUrl: `${url}/{region}`, region: 'mx-central-1' }, variables), 'cache');
  assert.deepEqual([seen[0].region, seen[0].path], ['mx-central-1', '/mx-central-1/']);
});

test('a profile brings its keys and its region', async () => {
  const [config, credentials] = [join(folder, 'config'), join(folder, 'credentials')];
  await writeFile(config, '[profile app]\nregion = us-west-2\n');
  await writeFile(credentials, '[app]\naws_access_key_id = PROFILE\naws_secret_access_key = x\n', { mode: 0o600 });
  const variables = { AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: credentials };
  assert.equal(await load({ endpointUrl: url, profile: 'app' }, variables), 'cache');
  assert.deepEqual([seen[0].key, seen[0].region], ['PROFILE', 'us-west-2']);
});

test('a role is assumed with the credentials found, and asks with its own', async () => {
  const variables = { ...KEYS, AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL_STS: url };
  assert.equal(await load({ endpointUrl: url, roleArn: ROLE }, variables), 'cache');
  assert.deepEqual(seen.map(({ key, role }) => [key, role]), [
    ['PLAIN', ROLE],
    ['ASSUMED', null],
  ]);
});

test('a role that may not be assumed and missing credentials are two errors', async () => {
  const variables = { ...KEYS, AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL_STS: url };
  const message = await load({ endpointUrl: url, roleArn: `${ROLE}-denied` }, variables);
  assert.match(message, /sts:AssumeRole answered AccessDenied \(HTTP 403\); allow it on the role/);
  assert.doesNotMatch(message, /CANARY/);
});

test('without a region, or credentials, the message says what to give', async () => {
  assert.match(await load({ endpointUrl: url }, KEYS), /set the option `region` \(--region\) or the variable AWS_REGION/);
  assert.match(await load({ endpointUrl: url, region: 'us-east-1' }, {}), /no AWS credentials were found: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set/);
  assert.deepEqual(seen, []);
});
