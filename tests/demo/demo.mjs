// The main job in three scenes, each step checked: a Node program reads typed configs.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import * as secrets from '@permisos/secrets';
import { SEVEN, createSeven, isolateAws, startMoto } from '../servers/servers.mjs';

const GETTERS = {
  database: secrets.getDatabaseConfig,
  redis: secrets.getRedisConfig,
  security: secrets.getSecurityConfig,
  stripe: secrets.getStripeConfig,
  email: secrets.getEmailConfig,
  'government-portal': secrets.getGovernmentPortalConfig,
  monitoring: secrets.getMonitoringConfig,
};

function show() {
  const health = secrets.getHealth();
  for (const [service, get] of Object.entries(GETTERS)) {
    const { origin, freshness, versionId } = health.services.find((it) => it.service === service);
    console.log(`  ${service} (${[origin, freshness, versionId?.slice(0, 8)].filter(Boolean).join(', ')})`, get());
  }
  console.log(`  health: ${health.status}`);
  return health;
}

function calls(health) {
  return health.fetches.reduce((sum, { count }) => sum + count, 0);
}

isolateAws();

console.log('\n-- Scene 1: a new developer. The configs come from environment variables; no AWS, no account.');
const env = {
  DATABASE_URL: 'postgresql://permisos:canary%20password@localhost:5432/permisos_dev',
  REDIS_URL: 'redis://localhost:6379/0',
  SESSION_SECRET: 'canary-session-secret-of-a-developer',
  JWT_SECRET: 'canary-token-secret-of-a-developer-x',
  INTERNAL_API_KEY: 'canary-internal',
  STRIPE_PUBLIC_KEY: 'pk_test_canary',
  STRIPE_PRIVATE_KEY: 'sk_test_canary',
  STRIPE_WEBHOOK_SECRET: 'whsec_canary',
  EMAIL_USER: 'canary-user',
  EMAIL_PASS: 'canary-pass',
  EMAIL_FROM: 'dev@permisos.mx',
  EMAIL_HOST: 'localhost',
  GOVT_USERNAME: 'canary-user',
  GOVT_PASSWORD: 'canary-pass',
  GOVT_SITE_LOGIN_URL: 'https://portal.gob.mx/login',
};
await secrets.initializeSecrets({ env });
assert.equal(show().status, 'healthy');
assert.equal(secrets.getDatabaseConfig().password, 'canary password');
await secrets.closeSecrets();

console.log('\n-- Scene 2: staging. The configs come from Secrets Manager (moto, on loopback), by one call.');
let moto = await startMoto();
await createSeven(moto);
secrets.onSecretsEvent(({ type, service }) => {
  if (type !== 'loaded' && type !== 'refreshed') console.log(`  event: ${type} ${service}`);
});
const options = { environment: 'staging', endpointUrl: moto.url, ttl: 2, previousFor: 0, env: {} };
await secrets.initializeSecrets(options);
let health = show();
console.log(`  calls to Secrets Manager: ${calls(health)}`);
assert.equal(health.status, 'healthy');
assert.equal(calls(health), 1);
assert.equal(secrets.getDatabaseConfig().password, SEVEN['database/credentials'].password);

console.log('\n-- Scene 3: Secrets Manager goes down, comes back, and the database password was rotated.');
await moto.stop();
console.log('  the server is stopped; waiting for the values to pass their time to live of 2 s');
const isDown = () => secrets.getHealth().services.every(({ consecutiveFailures }) => consecutiveFailures > 0);
for (let waited = 0; !isDown() && waited < 30; waited++) await sleep(500);
health = secrets.getHealth();
const stale = health.services.filter(({ freshness }) => freshness === 'stale').length;
console.log(`  health: ${health.status}; ${stale} of 7 are stale and still read:`, secrets.getDatabaseConfig());
assert.equal(health.status, 'degraded');
assert.equal(stale, 7);
assert.equal(secrets.getDatabaseConfig().password, SEVEN['database/credentials'].password);

moto = await startMoto(moto.port);
const rotated = { ...SEVEN['database/credentials'], password: 'canary-rotated' };
await createSeven(moto, 'staging', { ...SEVEN, 'database/credentials': rotated });
await secrets.refreshSecret('database');
assert.equal(secrets.getDatabaseConfig().password, rotated.password);
console.log('  the server is back; after refreshSecret the new password is read, without a restart');

await secrets.closeSecrets();
await moto.stop();
console.log('\nAll three scenes went as they should.');
