import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { afterEach, mock, test } from 'node:test';
import { inspect } from 'node:util';
import * as esm from '@permisos/secrets';
import {
  ConfigInvalidError,
  InvalidSecretError,
  NotReadyError,
  Secrets,
  SecretsError,
  closeSecrets,
  defineSecret,
  getDatabaseConfig,
  getHealth,
  getMonitoringConfig,
  getSecret,
  initializeSecrets,
  withDatabaseRetry,
} from '@permisos/secrets';
import { CANARY, ENVIRONMENT, assertNoLeak } from './environment.mjs';

const options = { source: 'environment', env: ENVIRONMENT };

afterEach(closeSecrets);

test('a read before initialize says what to do', () => {
  assert.throws(getDatabaseConfig, (error) => {
    assert.ok(error instanceof NotReadyError && error instanceof SecretsError && error instanceof Error);
    assert.equal(error.code, 'SECRETS_NOT_READY');
    assert.match(error.message, /await initializeSecrets/);
    assert.match(error.stack, /api\.test\.mjs/);
    return true;
  });
});

test('the seven configs are typed values', async () => {
  await initializeSecrets(options);
  const { host, port, database, username, password, ssl } = getDatabaseConfig();
  assert.deepEqual([host, port, database, username, password], ['database.internal', 5433, 'permisos', `${CANARY}u`, CANARY]);
  assert.deepEqual({ ...ssl }, { rejectUnauthorized: true });
  assert.equal(esm.getRedisConfig().url, `rediss://:${CANARY}@cache.internal:6380/2`);
  assert.equal(esm.getRedisConfig().tls.servername, 'cache.internal');
  assert.deepEqual([...esm.getSecurityConfig().sessionSecrets], [`${CANARY}s`]);
  assert.equal(esm.getStripeConfig().privateKey, `sk_test_${CANARY}`);
  assert.equal(esm.getEmailConfig().port, 587);
  assert.equal(esm.getGovernmentPortalConfig().loginUrl, `https://portal.gob.mx/${CANARY}`);
  assert.equal(getMonitoringConfig().sentryDsn, `https://${CANARY}@sentry.io/1`);
  assert.equal(getHealth().status, 'healthy');
});

test('a warm read is the very same object', async () => {
  await initializeSecrets(options);
  assert.equal(getDatabaseConfig(), getDatabaseConfig());
});

test('an absent optional service is an empty config, and healthy', async () => {
  await initializeSecrets({ ...options, env: { ...ENVIRONMENT, SENTRY_DSN: '' } });
  assert.deepEqual({ ...getMonitoringConfig() }, {});
  assert.equal(getHealth().status, 'healthy');
});

test('concurrent calls share one initialization, other options are refused', async () => {
  const [one, other] = await Promise.all([initializeSecrets(options), initializeSecrets(options)]);
  assert.equal(one, other);
  assert.equal(await initializeSecrets(), one);
  await assert.rejects(initializeSecrets({ ...options, ttl: 5 }), ConfigInvalidError);
});

test('after a failure it may be called again', async () => {
  await assert.rejects(initializeSecrets({ source: 'environment', env: {} }), InvalidSecretError);
  await initializeSecrets(options);
  assert.equal(getDatabaseConfig().port, 5433);
});

test('every wrong option is reported at once, with the near name', async () => {
  await assert.rejects(initializeSecrets({ sorce: 'aws', ttl: 'long', services: ['databse'] }), (error) => {
    assert.equal(error.code, 'SECRETS_CONFIG_INVALID');
    assert.equal(error.retryable, false);
    assert.deepEqual(error.violations.map(({ path }) => path).sort(), ['/services/0', '/sorce', '/ttl']);
    assert.match(error.message, /`source`/);
    assert.match(error.message, /`database`/);
    return true;
  });
});

test('every broken rule of every service is reported at once', async () => {
  const env = { ...ENVIRONMENT, SESSION_SECRET: 'short', STRIPE_PRIVATE_KEY: 'live', DATABASE_URL: 'mysql://x' };
  await assert.rejects(initializeSecrets({ ...options, env }), (error) => {
    assert.ok(error instanceof InvalidSecretError);
    assert.deepEqual(error.errors.map(({ service }) => service), ['database', 'security', 'stripe']);
    assert.equal(error.cause, error.errors[0]);
    assert.deepEqual([error.cause.code, error.cause.errors], ['SECRETS_INVALID', undefined]);
    assert.deepEqual(error.violations.map(({ path }) => path), [
      '/database',
      '/security/sessionSecret',
      '/stripe/privateKey',
    ]);
    return true;
  });
});

test('only the services asked for are required', async () => {
  await initializeSecrets({ source: 'environment', services: ['redis'], env: { REDIS_HOST: 'cache' } });
  assert.equal(esm.getRedisConfig().host, 'cache');
  assert.throws(getDatabaseConfig, { code: 'SECRETS_CONFIG_INVALID', service: 'database' });
});

test('a custom secret is read by its definition', async () => {
  const whatsapp = defineSecret('whatsapp/api', {
    fields: { token: { minLength: 8, variable: 'WHATSAPP_TOKEN' }, retries: { type: 'integer', required: false } },
  });
  await initializeSecrets({ ...options, secrets: [whatsapp] });
  assert.equal(getSecret(whatsapp).token, CANARY);
  assert.equal(getSecret(whatsapp).retries, undefined);
});

test('an unknown property of a definition is refused', async () => {
  const secret = defineSecret('whatsapp/api', { fields: { token: {} }, optionl: true });
  await assert.rejects(initializeSecrets({ ...options, secrets: [secret] }), (error) => {
    assert.deepEqual(error.violations.map(({ path }) => path), ['/secrets/0/optionl']);
    return true;
  });
});

test('several instances stand side by side, each closed for itself', async () => {
  const open = (host) => Secrets.open({ source: 'environment', services: ['redis'], env: { REDIS_HOST: host } });
  const [one, two] = await Promise.all([open('one'), open('two')]);
  assert.deepEqual([one.getRedisConfig().host, two.getRedisConfig().host], ['one', 'two']);
  await one[Symbol.asyncDispose]();
  assert.throws(() => one.getRedisConfig(), NotReadyError);
  assert.equal(two.getRedisConfig().host, 'two');
  two.close();
});

test('closing forgets the values', async () => {
  const secrets = await initializeSecrets(options);
  getDatabaseConfig();
  await closeSecrets();
  assert.throws(() => secrets.getDatabaseConfig(), NotReadyError);
  assert.throws(getDatabaseConfig, NotReadyError);
});

test('an instance that closed itself is opened again', async () => {
  const secrets = await initializeSecrets(options);
  secrets.close();
  assert.throws(getDatabaseConfig, NotReadyError);
  assert.notEqual(await initializeSecrets(options), secrets);
  assert.equal(getDatabaseConfig().port, 5433);
});

test('options in another order are the same', async () => {
  const secrets = await initializeSecrets({ ttl: 60, ...options, services: ['redis'] });
  assert.equal(await initializeSecrets({ services: ['redis'], ...options, ttl: 60 }), secrets);
  await assert.rejects(initializeSecrets({ services: ['email'], ...options, ttl: 60 }), ConfigInvalidError);
});

test('a listener that throws silences no other', async (t) => {
  const warnings = t.mock.method(process, 'emitWarning', () => {});
  const received = [];
  const throws = () => {
    throw new Error('a mistake');
  };
  const ends = [esm.onSecretsEvent(throws), esm.onSecretsEvent(({ service }) => received.push(service))];
  t.after(() => ends.forEach((end) => end()));
  await initializeSecrets({ ...options, services: ['redis'] });
  await new Promise(setImmediate);
  assert.deepEqual(received, ['redis']);
  assert.equal(warnings.mock.callCount(), 1);
});

test('a missing variable names the near one that is set', async () => {
  const env = { STRIPE_SECRET_KEY: CANARY, HOME: '/', EMPTY: '' };
  await assert.rejects(initializeSecrets({ environment: 'qa', services: ['stripe'], env }), (error) => {
    assert.match(error.message, /STRIPE_SECRET_KEY is set: is STRIPE_PRIVATE_KEY meant\?/);
    assert.match(error.message, /AWS Secrets Manager was not asked, because the environment is called qa/);
    assertNoLeak(error.message, 'a message');
    return true;
  });
});

test('reads are counted by what answered them', async () => {
  const secrets = await Secrets.open(options);
  for (let reads = 0; reads < 5; reads++) secrets.getRedisConfig();
  const { reads } = secrets.health().services.find(({ service }) => service === 'redis');
  assert.deepEqual(reads, { environment: 5, failed: 0, fresh: 0, stale: 0 });
  secrets.close();
});

test('an error of the database that is no login failure passes through untouched', async () => {
  await initializeSecrets(options);
  const syntax = Object.assign(new Error('syntax'), { code: '42601' });
  await assert.rejects(withDatabaseRetry(() => Promise.reject(syntax)), (error) => error === syntax);
  const login = Object.assign(new Error('login'), { code: '28P01' });
  await assert.rejects(withDatabaseRetry(() => Promise.reject(login)), (error) => error === login);
  assert.equal(await withDatabaseRetry(async ({ port }) => port), 5433);
});

test('options of any wrong type are refused, and nothing wrong turns into nothing', async () => {
  const itself = {};
  itself.itself = itself;
  for (const [wrong, paths] of [
    [null, ['']],
    ['production', ['']],
    [['redis'], ['']],
    [{ ttl: NaN, timeout: Infinity }, ['/timeout', '/ttl']],
    [{ environment: () => 'test', services: () => ['redis'], profile: Symbol('x') }, ['/environment', '/profile', '/services/0']],
    [{ environment: 5n }, ['/environment']],
    [{ profile: '\ud800' }, ['']],
    [{ ['__proto__']: 1, constructor: 1 }, ['/__proto__', '/constructor']],
    [{ env: 'x' }, ['/env']],
    [{ env: { EMAIL_PASS: { CANARY }, DB_PORT: 5432 } }, ['/env/DB_PORT', '/env/EMAIL_PASS']],
    [itself, []],
  ]) {
    await assert.rejects(Secrets.open(wrong), (error) => {
      assert.ok(error instanceof ConfigInvalidError, `${error}`);
      assert.deepEqual(error.violations.map(({ path }) => path).sort(), paths);
      assertNoLeak(error.message, 'a message');
      return true;
    });
  }
  await assert.rejects(initializeSecrets(itself), ConfigInvalidError);
});

test('an error as JSON is whole, and is printed once', async () => {
  const error = await initializeSecrets({ source: 'environment', env: {} }).catch((error) => error);
  const { name, code, violations, errors } = JSON.parse(JSON.stringify(error));
  assert.deepEqual([name, code, violations.length, errors.length], ['InvalidSecretError', 'SECRETS_INVALID', 18, 6]);
  assert.ok(!inspect(error).includes("path: '"));
  assert.ok(Object.keys(errors[0]).includes('service') && !Object.keys(error).includes('service'));
});

test('a load under way is ended by closing, and another may begin', async (t) => {
  const server = createServer(() => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const endpointUrl = `http://127.0.0.1:${server.address().port}`;
  process.env.AWS_ACCESS_KEY_ID = process.env.AWS_SECRET_ACCESS_KEY = 'testing';
  const first = initializeSecrets({ source: 'aws', region: 'us-east-1', endpointUrl, timeout: 60, env: {} });
  await once(server, 'request');
  closeSecrets();
  const second = initializeSecrets(options);
  await assert.rejects(first, NotReadyError);
  await second;
  assert.equal(getDatabaseConfig().port, 5433);
  closeSecrets();
  await initializeSecrets({ ...options, ttl: 60 });
  assert.equal(getDatabaseConfig().port, 5433);
});

test('configs have the shapes of their drivers\' options', async () => {
  await initializeSecrets(options);
  const { username: user, ...pg } = getDatabaseConfig();
  assert.deepEqual([user, pg.password, pg.ssl.rejectUnauthorized], [`${CANARY}u`, CANARY, true]);
  const redis = { ...esm.getRedisConfig(), lazyConnect: true };
  assert.deepEqual([redis.password, redis.db, redis.tls.servername], [CANARY, 2, 'cache.internal']);
  const { host, port, smtpUser, smtpPassword: pass } = esm.getEmailConfig();
  assert.deepEqual({ host, port, auth: { user: smtpUser, pass } }.auth, { user: CANARY, pass: CANARY });
  assert.equal(structuredClone(getDatabaseConfig()).ssl.rejectUnauthorized, true);
  assertNoLeak(JSON.stringify({ request: { config: getDatabaseConfig() } }), 'a larger object');
});

test('required, its functions can be replaced in tests', () => {
  const cjs = createRequire(import.meta.url)('@permisos/secrets');
  const { mock: replaced } = mock.method(cjs, 'getDatabaseConfig', () => ({ host: 'replaced' }));
  assert.equal(cjs.getDatabaseConfig().host, 'replaced');
  replaced.restore();
  assert.equal(cjs.getDatabaseConfig, getDatabaseConfig);
});

test('imported and required it is one copy', () => {
  const cjs = createRequire(import.meta.url)('@permisos/secrets');
  const names = Object.keys(esm).filter((name) => !['default', 'module.exports', '__esModule'].includes(name));
  assert.deepEqual(names.sort(), Object.keys(cjs).sort());
  assert.equal(cjs.getDatabaseConfig, getDatabaseConfig);
});
