// The interface of an asynchronous secrets service, as its one caller uses it: copies that it may change, one call to AWS.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { closeSecrets, defineSecret, getDatabaseConfig, initializeSecrets } from '@permisos/secrets';
import { startProxy } from '../../servers/proxy.mjs';
import { SEVEN, createSeven, isolateAws, makeCertificates, startMoto } from '../../servers/servers.mjs';

const service = createRequire(import.meta.url)('@permisos/secrets/compat');
let moto;
let ca;

before(async () => {
  isolateAws();
  [moto, { authority: ca }] = await Promise.all([startMoto(), makeCertificates('database.internal')]);
  await createSeven(moto, 'staging', {
    ...SEVEN,
    'database/credentials': { ...SEVEN['database/credentials'], ssl: { rejectUnauthorized: true, ca }, poolMin: 2, poolMax: 20 },
    'security/session': { ...SEVEN['security/session'], bcryptRounds: 12 },
    'whatsapp/api': { token: 'canary-whatsapp-3Jh7' },
  });
});

after(() => moto?.stop());

/** What `permisos.json` says of an application, here in variables. */
function configure(t, url) {
  Object.assign(process.env, { PERMISOS_ENVIRONMENT: 'staging', AWS_ENDPOINT_URL_SECRETS_MANAGER: url });
  t.after(() => {
    delete process.env.PERMISOS_ENVIRONMENT;
    delete process.env.AWS_ENDPOINT_URL_SECRETS_MANAGER;
    return closeSecrets();
  });
}

const calls = (proxy) => proxy.requests.map(({ operation }) => operation);

test('importing it prints nothing, starts nothing and lets the process end', () => {
  const program = `const before = process.getActiveResourcesInfo().length;
    const service = require('@permisos/secrets/compat');
    if (process.getActiveResourcesInfo().length !== before) throw new Error('something was started');
    if (service.getHealthStatus().status !== 'unavailable') throw new Error('not loaded is not healthy');`;
  const folder = new URL('.', import.meta.url).pathname;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', program], { cwd: folder, encoding: 'utf8', timeout: 20_000 });
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
});

test('six secrets by one call, in the shapes that callers read, as copies that they may change', async (t) => {
  const proxy = await startProxy(moto.url);
  t.after(() => proxy.stop());
  configure(t, proxy.url);
  const [all, same] = await Promise.all([service.loadAllSecrets(), service.loadAllSecrets()]);
  // The second asks for the previous keys: the secret was made today.
  assert.deepEqual(calls(proxy), ['BatchGetSecretValue', 'GetSecretValue']);
  assert.deepEqual(Object.keys(all), ['database', 'redis', 'security', 'stripe', 'email', 'government']);
  const { database, redis, security, stripe, email, government } = all;
  const { username, password } = SEVEN['database/credentials'];
  assert.equal(database.url, `postgresql://${username}:${password}@database.internal:5432/permisos`);
  assert.deepEqual([database.sslCa, database.poolMin, database.poolMax], [ca, 2, 20]);
  assert.deepEqual([redis.host, redis.port, redis.password, redis.tls.rejectUnauthorized], ['cache.internal', 6379, 'canary-redis-8Wx5', true]);
  assert.deepEqual(security, { ...SEVEN['security/session'], bcryptRounds: 12 });
  assert.deepEqual(stripe, SEVEN['stripe/api-keys']);
  assert.deepEqual([email.smtpUser, email.fromAddress, email.secure], ['AKIACANARY', 'hola@permisos.mx', false]);
  assert.deepEqual(government, SEVEN['government/portal']);

  database.ssl.ca = 'changed';
  Object.assign(database, { host: 'changed' });
  assert.deepEqual([same.database.host, same.database.ssl.ca], ['database.internal', ca]);
  assert.equal((await service.getDatabaseCredentials()).host, 'database.internal');
  assert.equal(getDatabaseConfig().host, 'database.internal', 'the getters read the same');
  for (const [get, type] of [
    ['getRedisCredentials', 'redis'],
    ['getSecuritySecrets', 'security'],
    ['getStripeKeys', 'stripe'],
    ['getEmailCredentials', 'email'],
    ['getGovernmentPortalCredentials', 'government'],
  ]) {
    assert.deepEqual(await service[get](), all[type]);
  }
  assert.equal(calls(proxy).length, 2);
});

test('a secret by name, a refresh, and the state in numbers', async (t) => {
  configure(t, moto.url);
  await initializeSecrets({ secrets: [defineSecret('whatsapp/api', { fields: { token: {} } })] });
  for (const name of ['permisos/staging/whatsapp/api', 'whatsapp/api']) {
    assert.deepEqual(await service.getSecret(name), { token: 'canary-whatsapp-3Jh7' });
  }
  assert.equal((await service.getSecret('permisos/staging/stripe/api-keys')).publicKey, 'pk_test_canaryPublic');
  await assert.rejects(service.getSecret('permisos/staging/other/thing'), { code: 'SECRETS_CONFIG_INVALID' });

  await moto.put('permisos/staging/government/portal', { ...SEVEN['government/portal'], username: 'other' });
  await service.refreshSecret('government');
  assert.equal((await service.getGovernmentPortalCredentials()).username, 'other');
  await assert.rejects(service.refreshSecret('sms'), { message: 'Unknown secret type: sms' });

  const { status, cacheSize, metrics } = service.getHealthStatus();
  assert.deepEqual([status, cacheSize, metrics.fallbacksUsed, metrics.lastError], ['healthy', 8, 0, null]);
  assert.ok(metrics.cacheHits > 0 && metrics.cacheMisses > 0 && metrics.cacheHitRate < 1);
  assert.ok(Date.now() - metrics.lastSuccessfulFetch < 60_000 && metrics.lastFetchAge < 60_000);
});

test('in an outage nothing is lost: not by a refresh, not by clearing the cache', async (t) => {
  const proxy = await startProxy(moto.url);
  configure(t, proxy.url);
  await service.loadAllSecrets();
  await proxy.stop();
  await assert.rejects(service.refreshSecret('database'), { code: /SECRETS_(TIMEOUT|UNAVAILABLE)/ });
  service.clearCache();
  assert.equal((await service.getDatabaseCredentials()).password, SEVEN['database/credentials'].password);
  const { metrics } = service.getHealthStatus();
  assert.ok(metrics.awsErrors > 0);
  assert.match(metrics.lastError, /SECRETS_(TIMEOUT|UNAVAILABLE)/);
});

test('what is missing is an error that lists it, and never a placeholder', async (t) => {
  configure(t, moto.url);
  process.env.PERMISOS_ENVIRONMENT = 'elsewhere';
  process.env.USE_SECRETS_MANAGER = 'true';
  t.after(() => delete process.env.USE_SECRETS_MANAGER);
  await assert.rejects(service.loadAllSecrets(), ({ errors }) => errors.length === 6);
  assert.equal(service.getHealthStatus().status, 'unavailable');
});

test('generateSecret is random, of twice as many hexadecimal digits', () => {
  assert.match(service.generateSecret(), /^[0-9a-f]{64}$/);
  assert.match(service.generateSecret(16), /^[0-9a-f]{32}$/);
  assert.notEqual(service.generateSecret(), service.generateSecret());
});
