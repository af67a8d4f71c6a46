// What is stored means the same to every program that reads it, whatever way it gets there: `exec`, an exported file, the
// application's own read. The Redis has a port with TLS and one without. Prints the matrix.

import { after, before, test } from 'node:test';
import { isolateAws, makeCertificates, startMoto, startRedis } from '../../servers/servers.mjs';
import { startMatrix } from '../../support/readers.mjs';

const USER = 'app:user@/%41é';
const PASSWORD = 'p@ss/w+rd%20: "\'#\\canary-3Kp9';

let moto;
let redis;
let foreign;
let matrix;

before(async () => {
  isolateAws();
  [moto, redis, { authority: foreign }] = await Promise.all([startMoto(), startRedis(USER, PASSWORD), makeCertificates()]);
  matrix = await startMatrix('redis', moto, new URL('read-redis.mjs', import.meta.url).pathname);
});

after(async () => {
  await matrix?.end();
  await Promise.all([moto?.stop(), redis?.stop()]);
});

const CONNECTS = /^db=0$/;
const FAILS = /^fails: .*(SIGNATURE|SELF_SIGNED|ALTNAME|certificate|closed)/i;

const VARIABLES = ['exec', 'export'];
const BY_URL = ['redis-cli, REDIS_URL', 'ioredis, REDIS_URL', 'node-redis, REDIS_URL'];
const where = (ways, readers, read, why) =>
  Object.fromEntries(ways.flatMap((way) => readers.map((reader) => [`${way}: ${reader}`, [read, why]])));
const NO_FILE = where(['export'], BY_URL, FAILS, 'the authority is in REDIS_TLS_CA; only exec has a file of it, while it runs');
const URL_VERIFIES = where(VARIABLES, BY_URL, FAILS, 'a URL of Redis has no word for it that all programs know; they verify');

const CLI_TRUSTS_ANY_NAME = where(['exec'], BY_URL.slice(0, 1), CONNECTS, 'redis-cli asks for no name in the certificate');

const secret = (more) => () => {
  const login = { host: '127.0.0.1', port: redis.port, username: USER, password: PASSWORD };
  return { secret: { ...login, ...more() } };
};
const own = (more) => secret(() => ({ tls: { ca: redis.authority }, ...more }));
const cell = (what, stored, expected, ...except) =>
  test(`stored with ${what}: every program makes the same of it`, () =>
    matrix.cell(what, stored(), expected, Object.assign({}, ...except)));

cell('its authority', own(), CONNECTS, NO_FILE);
cell('no verification', secret(() => ({ tls: { rejectUnauthorized: false } })), CONNECTS, URL_VERIFIES);
cell('a foreign authority', secret(() => ({ tls: { ca: foreign } })), FAILS);
cell('no authority', secret(() => ({ tls: {} })), FAILS);
cell('no TLS', secret(() => ({ port: redis.plain })), CONNECTS);
cell('tls: false', secret(() => ({ port: redis.plain, tls: false })), CONNECTS);
cell('a database', own({ db: 3 }), /^db=3$/, NO_FILE);
cell('a host by name', own({ host: 'localhost' }), CONNECTS, NO_FILE);
cell('a name that the certificate lacks', own({ host: '127.1' }), FAILS, CLI_TRUSTS_ANY_NAME);
const named = () => ({ host: '127.1', tls: { ca: redis.authority, servername: 'localhost' } });
cell('the name that the certificate has', secret(named), CONNECTS,
  where(VARIABLES, BY_URL, FAILS, 'a URL of Redis has no word for the name; REDIS_TLS_SERVERNAME has it'), CLI_TRUSTS_ANY_NAME);
cell('family=0', () => {
  const [user, password] = [USER, PASSWORD].map(encodeURIComponent);
  const REDIS_URL = `rediss://${user}:${password}@localhost:${redis.port}?family=0`;
  return { variables: { REDIS_URL, REDIS_TLS_CA: redis.authority } };
}, CONNECTS, NO_FILE);

test('what is not tried here is in the table, with the reason', async () => {
  matrix.note('a host that is an IPv6 address', 'test servers listen on 127.0.0.1 alone; vectors say how it is written');
  await matrix.refuse('a Unix socket', { REDIS_URL: 'redis+unix:///run/redis.sock' }, /REDIS_URL must be a URL like redis:/);
});
