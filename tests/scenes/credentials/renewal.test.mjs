// Credentials that end while an application runs: others are asked for in time, and where there are none, what was read is
// kept until somebody logs in. Nothing is restarted for it.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, test } from 'node:test';
import { Secrets } from '@permisos/secrets';
import { assertNoLeak } from '../../test/environment.mjs';
import { startAws } from '../../servers/credentials.mjs';
import { SSO_PROFILE, ssoCache } from './table.mjs';
import { isolateAws } from '../../servers/servers.mjs';
import { until } from '../../support/scene.mjs';

const HOUR = 3_600_000;
const EXPIRED = { expiresAt: new Date(Date.now() - HOUR).toISOString() };
const STAND_IN = { DATABASE_URL: 'postgresql://app:app@database.internal/app?sslmode=require' };

beforeEach(() => {
  isolateAws();
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_CONFIG_FILE']) delete process.env[name];
});

/** A developer's machine with a profile of IAM Identity Center, and an application on it. */
async function application(t, script, token, env = {}) {
  const home = await mkdtemp(join(tmpdir(), 'permisos-secrets-home-'));
  const aws = await startAws(script);
  const write = async (files) => {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(home, name)), { recursive: true });
      await writeFile(join(home, name), text);
    }
  };
  await write({ '.aws/config': SSO_PROFILE, ...ssoCache('corp', token) });
  Object.assign(process.env, { HOME: home, AWS_PROFILE: 'dev', AWS_ENDPOINT_URL_SSO: aws.url });
  process.env.AWS_ENDPOINT_URL_SSO_OIDC = aws.url;
  const events = [];
  const options = { environment: 'production', source: 'aws', region: 'us-east-1', services: ['database'], ttl: 1 };
  const secrets = await Secrets.open({ ...options, endpointUrl: aws.url, env }, (event) => events.push(event));
  t.after(async () => {
    secrets.close();
    aws.stop();
    await rm(home, { recursive: true });
    assertNoLeak(JSON.stringify(events), 'an event');
  });
  const of = (part) => aws.requests.filter((request) => request.part === part).length;
  return { secrets, events, of, login: () => write(ssoCache('corp')), logout: () => write(ssoCache('corp', EXPIRED)) };
}

/** The message of the first failure, once there is one. */
async function failure(events) {
  const isFailure = ({ type }) => type === 'failed';
  await until('a failure', () => events.some(isFailure));
  return events.find(isFailure).message;
}

test('credentials that hold are asked for once', async (t) => {
  const { of } = await application(t, {});
  await until('three calls', () => of('secretsManager') >= 3);
  assert.equal(of('sso'), 1);
});

test('credentials are asked for again before they end', async (t) => {
  const { of } = await application(t, { sso: 'short' });
  // They are good for a second or two more than the minute before which others are asked for.
  await until('others', () => of('sso') >= 2);
});

test('credentials that a server refuses are asked for again', async (t) => {
  const script = {};
  const { secrets, of } = await application(t, script);
  script.secretsManager = 'expired';
  await until('a failure', () => secrets.health().services[0].lastError === 'SECRETS_UNAUTHENTICATED');
  const before = of('sso');
  script.secretsManager = 'good';
  await until('others', () => of('sso') > before);
  await until('health', () => secrets.health().status === 'healthy');
});

test('who starts before logging in reads the environment, and Secrets Manager once logged in', async (t) => {
  const { secrets, events, login } = await application(t, {}, EXPIRED, STAND_IN);
  assert.equal(secrets.read('database').origin, 'environment');
  assert.match(await failure(events), /`aws sso login --profile dev`/);
  await login();
  await until('Secrets Manager', () => secrets.read('database').origin === 'secrets-manager');
});

test('a session that ends while it runs leaves the readers what they have, until somebody logs in', async (t) => {
  const script = { sso: 'short' };
  const { secrets, events, login, logout } = await application(t, script);
  await logout();
  script.sso = 'expired';
  assert.match(await failure(events), /`aws sso login --profile dev`/);
  assert.equal(secrets.read('database').origin, 'secrets-manager');
  script.sso = 'good';
  await login();
  await until('health', () => secrets.health().status === 'healthy');
});
