// Reads Redis by what it was handed over, with each of the programs that applications and their operators use.

import Redis from 'ioredis';
import { createClient } from 'redis';
import { printReadings, printed } from '../../support/readers.mjs';

const {
  REDIS_URL: url, REDIS_HOST: host, REDIS_PORT: port, REDIS_USERNAME: username, REDIS_PASSWORD: password, REDIS_DB: db,
  REDIS_TLS, REDIS_TLS_CA: ca, REDIS_TLS_CA_PATH, REDIS_TLS_SERVERNAME: servername,
} = process.env;

/** Whether it answers, and from which logical database. */
async function byIoredis(...config) {
  const options = typeof config.at(-1) === 'object' ? config.pop() : {};
  const client = new Redis(...config, { ...options, lazyConnect: true, retryStrategy: null });
  let failure;
  client.on('error', (error) => (failure = error));
  try {
    await client.connect();
    return /db=\d+/.exec(await client.client('INFO'))[0];
  } catch (error) {
    throw failure ?? error;
  } finally {
    client.disconnect();
  }
}

async function byNodeRedis(config) {
  const client = createClient({ ...config, socket: { ...config.socket, reconnectStrategy: false } });
  client.on('error', () => {});
  await client.connect();
  const info = await client.sendCommand(['CLIENT', 'INFO']);
  client.destroy();
  return /db=\d+/.exec(info)[0];
}

const tls = REDIS_TLS === 'false' ? undefined : { rejectUnauthorized: REDIS_TLS !== 'no-verify', ca, servername };
const authority = REDIS_TLS_CA_PATH ? ['--cacert', REDIS_TLS_CA_PATH] : [];
const byVariables = {
  'redis-cli, REDIS_URL': async () => {
    const info = await printed('redis-cli', '--no-auth-warning', '-u', url, ...authority, 'CLIENT', 'INFO');
    return /\bdb=\d+/.exec(info)?.[0] ?? Promise.reject(new Error(info));
  },
  'ioredis, REDIS_URL': () => byIoredis(url),
  'ioredis, REDIS_…': () => byIoredis({ host, port, username, password, db, tls }),
  'node-redis, REDIS_URL': () => byNodeRedis({ url }),
};

async function byConfig(environment) {
  const { Secrets } = await import('@permisos/secrets');
  const secrets = await Secrets.open({ environment, source: 'aws', services: ['redis'] });
  const { url, ...config } = secrets.getRedisConfig();
  secrets.close();
  const { host, port, username, password, db: database, tls } = config;
  return {
    'ioredis, fields': () => byIoredis(config),
    'ioredis, url and tls': () => byIoredis(url, { tls }),
    'node-redis, url and tls': () => byNodeRedis({ url, socket: tls && { tls: true, ...tls } }),
    'node-redis, fields': () =>
      byNodeRedis({ username, password, database, socket: tls ? { host, port, tls: true, ...tls } : { host, port } }),
  };
}

const [environment] = process.argv.slice(2);
await printReadings(environment ? await byConfig(environment) : byVariables);
