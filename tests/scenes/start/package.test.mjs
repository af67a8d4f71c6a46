// The installed package against a real HTTP server that speaks Secrets Manager's protocol.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Secrets, defineSecret } from '@permisos/secrets';
import { SEVEN, createSeven, isolateAws, startMoto } from '../../servers/servers.mjs';

let moto;

before(async () => {
  isolateAws();
  moto = await startMoto();
  await createSeven(moto, 'production');
});

after(() => moto.stop());

async function open(t, options) {
  const secrets = await Secrets.open({
    environment: 'production',
    source: 'aws',
    endpointUrl: moto.url,
    env: {},
    ...options,
  });
  t.after(() => secrets.close());
  return secrets;
}

const calls = (secrets) => secrets.health().fetches.map(({ operation, error, count }) => [operation, error, count]);

test('seven services start with one API call', async (t) => {
  const secrets = await open(t, { previousFor: 0 });
  assert.deepEqual(calls(secrets), [['BatchGetSecretValue', null, 1]]);
  assert.equal(secrets.getDatabaseConfig().password, SEVEN['database/credentials'].password);
  assert.equal(secrets.getEmailConfig().host, 'email-smtp.us-east-1.amazonaws.com');
  assert.equal(secrets.health().status, 'healthy');
});

test('custom secrets are batched too, 20 in a call', async (t) => {
  const definitions = [];
  for (let index = 0; index < 25; index++) {
    await moto.create(`permisos/production/custom/number-${index}`, { token: `canary-${index}`, retries: String(index) });
    const fields = { token: { minLength: 8 }, retries: { type: 'integer' } };
    definitions.push(defineSecret(`custom/number-${index}`, { fields }));
  }
  const secrets = await open(t, { services: [], secrets: definitions });
  assert.deepEqual(calls(secrets), [['BatchGetSecretValue', null, 2]]);
  assert.equal(secrets.getSecret(definitions[24]).token, 'canary-24');
  assert.equal(secrets.getSecret(definitions[24]).retries, 24);
});

test('security honours the previous keys after a rotation and a restart', async (t) => {
  const before = SEVEN['security/session'];
  const rotated = { ...before, sessionSecret: 'canary-second-session-secret-of-forty-1' };
  await moto.put('permisos/production/security/session', rotated);
  const secrets = await open(t, { services: ['security'] });
  assert.deepEqual(secrets.getSecurityConfig().sessionSecrets, [rotated.sessionSecret, before.sessionSecret]);
});

test('a rotated value is read after a refresh, and reported as an event', async (t) => {
  const secrets = await open(t, { services: ['redis'] });
  const rotations = [];
  secrets.on('rotated', (event) => rotations.push([event.service, secrets.getRedisConfig().password]));
  await moto.put('permisos/production/redis/credentials', { ...SEVEN['redis/credentials'], password: 'canary-new' });
  await secrets.refresh('redis');
  assert.equal(secrets.getRedisConfig().password, 'canary-new');
  await sleep(50);
  assert.deepEqual(rotations, [['redis', 'canary-new']]);
});

test('what does not exist falls back to the environment, and is degraded', async (t) => {
  const options = { environment: 'nowhere', services: ['redis'], env: { REDIS_HOST: 'fallback.internal' } };
  const secrets = await open(t, options);
  assert.equal(secrets.getRedisConfig().host, 'fallback.internal');
  const [{ origin, lastError }] = secrets.health().services;
  assert.deepEqual([origin, lastError], ['environment', 'SECRETS_NOT_FOUND']);
  assert.equal(secrets.health().status, 'degraded');
  const strict = open(t, { ...options, environmentFallback: false });
  await assert.rejects(strict, { code: 'SECRETS_NOT_FOUND', service: 'redis', message: /create-secret/ });
});

test('an outage is survived on cached values, and its end is noticed', async (t) => {
  const server = await startMoto();
  await createSeven(server, 'outage');
  const secrets = await open(t, { environment: 'outage', endpointUrl: server.url, ttl: 1, services: ['redis'] });
  await server.stop();
  const until = async (status) => {
    for (let waited = 0; secrets.health().status !== status && waited < 120; waited++) await sleep(250);
    assert.equal(secrets.health().status, status);
  };
  await until('degraded');
  assert.equal(secrets.getRedisConfig().password, SEVEN['redis/credentials'].password);
  assert.equal(secrets.read('redis').freshness, 'stale');
  const again = await startMoto(server.port);
  await createSeven(again, 'outage');
  await until('healthy');
  await again.stop();
});

test('a bad new version does not replace a good one', async (t) => {
  await moto.create('permisos/rotating/stripe/api-keys', SEVEN['stripe/api-keys']);
  const secrets = await open(t, { environment: 'rotating', services: ['stripe'] });
  await moto.put('permisos/rotating/stripe/api-keys', { publicKey: 'canary-broken' });
  await assert.rejects(secrets.refresh('stripe'), (error) => {
    assert.equal(error.code, 'SECRETS_INVALID');
    assert.deepEqual(error.violations.map(({ path }) => path).sort(), ['/privateKey', '/publicKey', '/webhookSecret']);
    assert.ok(!error.message.includes('canary'));
    return true;
  });
  assert.equal(secrets.getStripeConfig().publicKey, SEVEN['stripe/api-keys'].publicKey);
});
