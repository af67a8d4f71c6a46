// A pool of node-postgres through the rotations of AWS, against a real PostgreSQL: no query fails, none of its connections
// keeps a user that is no longer the secret's.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Secrets, closeSecrets, initializeSecrets } from '@permisos/secrets';
import { clientConfig, createPool, poolConfig } from '@permisos/secrets/pg';
import { isolateAws, startMoto, startPostgres } from '../../servers/servers.mjs';
import { until } from '../../support/scene.mjs';
import { keepBusy } from '../../support/work.mjs';

let moto;
let postgres;

before(async () => {
  isolateAws();
  [moto, postgres] = await Promise.all([startMoto(), startPostgres()]);
});

after(() => Promise.all([moto?.stop(), postgres?.stop()]));

const password = (n) => `canary-password-${n}`;
const stored = (username, n) => {
  const { port, authority } = postgres;
  return { host: '127.0.0.1', port, database: 'postgres', username, password: password(n), ssl: { ca: authority } };
};

async function administer(statement) {
  const { username: user, ...rest } = stored('postgres', 0);
  const client = new pg.Client({ ...rest, user, password: postgres.password });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

/** Secrets of an environment, and how to store its next version. */
async function store(t, environment, user, options) {
  const name = `permisos/${environment}/database/credentials`;
  await administer(`CREATE ROLE "${user}" LOGIN PASSWORD '${password(1)}'`);
  await moto.create(name, stored(user, 1));
  const secrets = await Secrets.open({
    environment,
    source: 'aws',
    services: ['database'],
    endpointUrl: moto.url,
    env: {},
    ...options,
  });
  t.after(() => secrets.close());
  return { secrets, put: (user, n, more) => moto.put(name, { ...stored(user, n), ...more }) };
}

const sessions = async (user) =>
  (await administer(`SELECT pid FROM pg_stat_activity WHERE usename = '${user}'`)).map(({ pid }) => pid);

test('alternating users: the pool moves to the new user, and the old one can be revoked', async (t) => {
  const { secrets, put } = await store(t, 'alternating', 'even', { ttl: 1 });
  await administer(`CREATE ROLE odd LOGIN PASSWORD '${password(2)}'`);
  const pool = createPool({ max: 5 }, secrets);
  t.after(() => void (pool.ending || pool.end()));
  const load = keepBusy(t, async () => {
    const { rows } = await pool.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    assert.equal(rows[0].ssl, true);
  });
  await load.more();
  const busy = await pool.connect();
  assert.ok((await sessions('even')).length > 1);

  await put('odd', 2);
  await until('the move', async () => (await sessions('even')).length === 1);
  await load.more();
  assert.equal((await busy.query('SELECT session_user AS user')).rows[0].user, 'even', 'a client in use is left alone');
  busy.release();
  await until('the last one', async () => (await sessions('even')).length === 0);

  await administer('ALTER ROLE even NOLOGIN');
  await load.more();
  await load.end();
  assert.equal((await sessions('even')).length, 0);
  await pool.end();
});

test('a single user: logins that are refused wait for the new password', async (t) => {
  const { secrets, put } = await store(t, 'single', 'app');
  const pool = createPool({ max: 5, maxUses: 10 }, secrets);
  t.after(() => void (pool.ending || pool.end()));
  const load = keepBusy(t, () => pool.query('SELECT 1'));
  await load.more();
  await administer(`ALTER ROLE app PASSWORD '${password(2)}'`);
  // In AWS about a minute.
  await sleep(1500);
  await put('app', 2);
  await load.more();
  await load.end();
  await pool.end();
});

test('while new logins are refused, the connections that there are serve every query', async (t) => {
  const { secrets, put } = await store(t, 'window', 'window');
  const pool = createPool({ max: 10 }, secrets);
  t.after(() => void (pool.ending || pool.end()));
  await pool.query('SELECT 1');
  await administer(`ALTER ROLE "window" PASSWORD '${password(2)}'`);
  const started = performance.now();
  await Promise.all(Array.from({ length: 30 }, () => pool.query('SELECT pg_sleep(0.01)')));
  assert.ok(performance.now() - started < 5000, 'no query waits for the secret');
  assert.deepEqual([pool.totalCount, secrets.getDatabaseConfig().password], [1, password(1)]);
  await put('window', 2);
  await until('the new password', () => secrets.getDatabaseConfig().password === password(2));
  await until('all is idle', () => pool.idleCount === pool.totalCount);
  assert.equal(pool.listenerCount('release'), 1, 'nothing waits any more');
  await pool.end();
});

test('wrong new credentials empty no pool', async (t) => {
  const { secrets, put } = await store(t, 'wrong', 'right', { ttl: 1 });
  const pool = createPool({ max: 3 }, secrets);
  t.after(() => pool.end());
  const load = keepBusy(t, () => pool.query('SELECT 1'), 3);
  await load.more();
  const before = await sessions('right');
  // A login that is refused is waited for; another error is final.
  for (const [user, database] of [['stranger', 'postgres'], ['right', 'nowhere']]) {
    await put(user, 1, { database });
    await until('the new version', () => secrets.getDatabaseConfig().username === user);
    await sleep(300);
  }
  await load.more();
  await load.end();
  assert.deepEqual(await sessions('right'), before);
});

test('a connection that the server ends does not end the process, and callbacks are called', async (t) => {
  const { secrets } = await store(t, 'ended', 'ended');
  const pool = createPool({}, secrets);
  t.after(() => pool.end());
  await pool.query('SELECT 1');
  await administer(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ended'`);
  await until('its end', () => pool.totalCount === 0);
  const answer = await new Promise((resolve, reject) =>
    pool.connect((error, client, done) => {
      if (error) return reject(error);
      client.query('SELECT 2 AS two', (error, result) => {
        done();
        if (error) reject(error);
        else resolve(result.rows[0].two);
      });
    }),
  );
  assert.equal(answer, 2);
});

test('what would hide the secret is refused, and what the given URL says besides is kept', async (t) => {
  const { port, authority } = postgres;
  await administer(`CREATE ROLE own LOGIN PASSWORD '${password(1)}'`);
  const url = `postgresql://own:${password(1)}@127.0.0.1:${port}/postgres?application_name=permits`;
  const env = { DATABASE_URL: url, DB_SSL: 'true', DB_SSL_CA: authority };
  await initializeSecrets({ source: 'environment', services: ['database'], env });
  t.after(closeSecrets);
  for (const options of [{ connectionString: url }, { password: 'x' }, { user: 'x' }]) {
    assert.throws(() => createPool(options), { name: 'TypeError', message: /leave it out/ });
  }
  for (const made of [new pg.Client(clientConfig()), new pg.Pool(poolConfig({ max: 1 }))]) {
    if (made instanceof pg.Client) await made.connect();
    const { rows } = await made.query("SELECT session_user AS user, current_setting('application_name') AS name");
    assert.deepEqual({ ...rows[0] }, { user: 'own', name: 'permits' });
    // A pool is done before its connections are.
    const gone = made instanceof pg.Pool && once(made, 'remove');
    await made.end();
    await gone;
  }
});
