// What is stored means the same to the programs that read it: redis-cli, ioredis and node-redis, as `exec` starts them,
// against a Redis that speaks TLS alone. Prints a matrix: what was stored, how it was handed over, who read it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isolateAws, makeCertificates, startMoto, startRedis } from '../../servers/servers.mjs';
import { startReaders } from '../../support/readers.mjs';

const USER = 'app-user';
const PASSWORD = 'p@ss/w+rd%20:canary-3Kp9';

const node = (code) => [
  process.execPath,
  '-e',
  `(async () => { ${code} })().then(console.log, (error) => { console.error(error.code ?? error.message); process.exitCode = 1; });`,
];
const IOREDIS = "client.on('error', () => {}); await client.connect(); const pong = await client.ping(); client.disconnect(); return pong;";
const PROGRAMS = {
  'redis-cli, REDIS_URL': [
    'sh', '-c', 'exec redis-cli --no-auth-warning -u "$REDIS_URL" ${REDIS_TLS_CA_PATH:+--cacert "$REDIS_TLS_CA_PATH"} ping',
  ],
  'ioredis, REDIS_URL': node(
    `const client = new (require('ioredis'))(process.env.REDIS_URL, { lazyConnect: true, retryStrategy: null }); ${IOREDIS}`,
  ),
  'ioredis, REDIS_…': node(`
    const { REDIS_HOST: host, REDIS_PORT: port, REDIS_USERNAME: username, REDIS_PASSWORD: password, REDIS_TLS, REDIS_TLS_CA: ca } = process.env;
    const tls = { rejectUnauthorized: REDIS_TLS !== 'no-verify', ca };
    const client = new (require('ioredis'))({ host, port, username, password, tls, lazyConnect: true, retryStrategy: null }); ${IOREDIS}`),
  'node-redis, REDIS_URL': node(`
    const client = require('redis').createClient({ url: process.env.REDIS_URL, socket: { reconnectStrategy: false } });
    client.on('error', () => {}); await client.connect(); const pong = await client.ping(); client.destroy(); return pong;`),
};

let moto;
let redis;
let foreign;
let readers;

before(async () => {
  isolateAws();
  [moto, redis, { authority: foreign }] = await Promise.all([startMoto(), startRedis(USER, PASSWORD), makeCertificates()]);
  readers = await startReaders('redis', moto);
});

after(() => Promise.all([moto?.stop(), redis?.stop(), readers?.remove()]));

const CONNECTS = /^PONG$/;
const FAILS = /^fails: .*(SIGNATURE|SELF_SIGNED|certificate|closed)/i;
/** A URL of Redis has no word for it that all programs know: those that read the URL alone verify, and fail. */
const BY_URL = { 'redis-cli, REDIS_URL': FAILS, 'ioredis, REDIS_URL': FAILS, 'node-redis, REDIS_URL': FAILS };
const CELLS = [
  ['its authority', () => ({ ca: redis.authority }), CONNECTS],
  ['no verification', () => ({ rejectUnauthorized: false }), CONNECTS, BY_URL],
  ['a foreign authority', () => ({ ca: foreign }), FAILS],
  ['no authority', () => ({}), FAILS],
];

for (const [what, tls, expected, except = {}] of CELLS) {
  test(`stored with ${what}: every program makes the same of it`, async (t) => {
    const secret = { host: '127.0.0.1', port: redis.port, username: USER, password: PASSWORD, tls: tls() };
    const row = await readers.read(t, what, secret, PROGRAMS);
    for (const [program, printed] of Object.entries(row)) assert.match(printed, except[program] ?? expected, program);
  });
}
