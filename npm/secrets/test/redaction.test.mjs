// A canary through everything that can be printed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { format, inspect } from 'node:util';
import { Secrets, defineSecret } from '@permisos/secrets';
import { ENVIRONMENT, assertNoLeak } from './environment.mjs';

const whatsapp = defineSecret('whatsapp/api', { fields: { token: { variable: 'WHATSAPP_TOKEN' } } });
let secrets;
let configs;

before(async () => {
  secrets = await Secrets.open({ source: 'environment', secrets: [whatsapp], env: ENVIRONMENT });
  configs = [
    secrets.getDatabaseConfig(),
    secrets.getRedisConfig(),
    secrets.getSecurityConfig(),
    secrets.getStripeConfig(),
    secrets.getEmailConfig(),
    secrets.getGovernmentPortalConfig(),
    secrets.getMonitoringConfig(),
    secrets.getSecret(whatsapp),
  ];
});

after(() => secrets.close());

test('no printed config shows a value', () => {
  for (const config of configs) {
    for (const part of [config, ...Object.values(config).filter((value) => typeof value === 'object')]) {
      for (const depth of [0, 1, 10, Infinity]) {
        for (const showHidden of [false, true]) assertNoLeak(inspect(part, { depth, showHidden }), 'inspect');
      }
      assertNoLeak(format('%s %o %O %j', part, part, part, part), 'format');
      assertNoLeak(JSON.stringify({ part }), 'JSON');
      assertNoLeak(`${part}`, 'a template');
      assertNoLeak('' + part, 'concatenation');
      assertNoLeak(inspect(new Error('context', { cause: part })), 'an error');
    }
  }
});

test('host, port and names are shown', () => {
  assert.match(inspect(configs[0]), /host: 'database\.internal'/);
  assert.match(inspect(configs[0]), /port: 5433/);
  assert.match(`${configs[1]}`, /"db":2/);
});

test('a config is frozen, and spreads with its values', () => {
  for (const config of configs) assert.ok(Object.isFrozen(config));
  assert.ok(Object.isFrozen(configs[2].sessionSecrets));
  assert.throws(() => {
    configs[0].password = 'other';
  }, TypeError);
  assert.equal({ ...configs[0] }.password, configs[0].password);
  assert.ok(!('toJSON' in { ...configs[0] }));
  assert.equal(structuredClone({ ...configs[0], ssl: undefined, extra: undefined }).password, configs[0].password);
});

test('health, the secrets themselves and their reads show no value', () => {
  assertNoLeak(JSON.stringify(secrets.health()), 'health');
  assertNoLeak(inspect(secrets, { depth: Infinity, showHidden: true }), 'the secrets');
  assertNoLeak(inspect(secrets.read('database'), { depth: Infinity, showHidden: true }), 'a read');
});

test('no error shows a value', async () => {
  const broken = Object.fromEntries(Object.entries(ENVIRONMENT).map(([name, value]) => [name, value.slice(8)]));
  const env = { ...broken, EMAIL_PORT: ENVIRONMENT.EMAIL_PASS, DB_SSL: ENVIRONMENT.JWT_SECRET, REDIS_TLS: 'maybe' };
  for (const options of [
    { source: 'environment', env },
    { source: 'environment', env: { ...env, NODE_ENV: `${ENVIRONMENT.JWT_SECRET}/` } },
    { source: ENVIRONMENT.JWT_SECRET, env: ENVIRONMENT },
    { environment: `${ENVIRONMENT.JWT_SECRET}/`, env: ENVIRONMENT },
    { endpointUrl: `ftp://${ENVIRONMENT.JWT_SECRET}`, region: ENVIRONMENT.JWT_SECRET, env: ENVIRONMENT },
  ]) {
    await assert.rejects(Secrets.open(options), (error) => {
      assertNoLeak(inspect(error, { depth: 10 }), 'an error');
      assertNoLeak(JSON.stringify(error), 'an error as JSON');
      assertNoLeak(error.stack, 'a stack');
      return true;
    });
  }
});
