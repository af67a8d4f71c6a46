// AWS's rotation, step by step, against a real PostgreSQL under load: no query is lost.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Secrets } from '@permisos/secrets';
import { isolateAws, startMoto, startPostgres } from '../../servers/servers.mjs';
import { startProxy } from '../../servers/proxy.mjs';
import { assertSilent, until } from '../../support/scene.mjs';
import { versionId } from '../../support/witness.mjs';

const WORKERS = 20;
/** Between the database's change and the secret's; in AWS about a minute. */
const WINDOW_MS = 3000;

let moto;
let postgres;

before(async () => {
  isolateAws();
  [moto, postgres] = await Promise.all([startMoto(), startPostgres()]);
});

after(() => Promise.all([moto.stop(), postgres.stop()]));

describe('the four steps of a rotation', { concurrency: 2 }, () => {
  test('single user: logins fail until AWSCURRENT moves, and no query is lost', async (t) => {
    const users = ['app', 'app', 'app'];
    const { load, versions, proxy } = await drill(t, 'single', users);
    assert.ok(load.refused > 0, 'no login failed: the window was not there');
    assert.deepEqual(versions, ['app-1', 'app-2', 'app-3']);
    const seconds = (proxy.requests.at(-1).at - proxy.requests[0].at) / 1000;
    assert.ok(proxy.requests.length <= seconds + 2, 'at most one forced fetch a second, however many logins fail');
  });

  test('alternating users: no login ever fails', async (t) => {
    const users = ['even', 'odd', 'even'];
    const { load, versions } = await drill(t, 'alternating', users);
    assert.equal(load.refused, 0);
    assert.deepEqual(versions, ['even-1', 'odd-2', 'even-3']);
  });

  test('a password that stays wrong is reported when the budget is spent', async (t) => {
    await administer(`CREATE ROLE wrong LOGIN PASSWORD '${password(1)}'`);
    await moto.create('permisos/wrong/database/credentials', { ...credentials('wrong', 2) });
    const secrets = await open(t, 'wrong', moto.url);
    const attempts = [];
    const logins = secrets.withDatabaseRetry(
      (config) => {
        attempts.push(performance.now());
        return login(config);
      },
      { budgetMs: 2500 },
    );
    await assert.rejects(logins, { code: '28P01' });
    // The version did not change: the same password is not tried again, which could lock the account.
    assert.equal(attempts.length, 1);
  });
});

/** Rotates twice under load; each user in turn is the current one. */
async function drill(t, environment, users) {
  const name = `permisos/${environment}/database/credentials`;
  for (const user of new Set(users)) await administer(`CREATE ROLE "${user}" LOGIN PASSWORD '${password(1)}'`);
  await moto.create(name, credentials(users[0], 1), { ClientRequestToken: versionId(1) });
  const proxy = await startProxy(moto.url);
  t.after(() => proxy.stop());
  const events = [];
  const secrets = await open(t, environment, proxy.url, (event) => events.push(event));
  const load = work(secrets, users);
  t.after(() => load.stop());
  await load.more();
  for (const n of [2, 3]) {
    const user = users[n - 1];
    // createSecret
    const pending = { ClientRequestToken: versionId(n), VersionStages: ['AWSPENDING'] };
    await moto.put(name, credentials(user, n), pending);
    // setSecret
    await administer(`ALTER ROLE "${user}" PASSWORD '${password(n)}'`);
    // testSecret
    await login({ ...credentials(user, n), ssl: { ca: postgres.authority } });
    await sleep(WINDOW_MS);
    // finishSecret
    await moto.call('UpdateSecretVersionStage', {
      SecretId: name,
      VersionStage: 'AWSCURRENT',
      MoveToVersionId: versionId(n),
      RemoveFromVersionId: versionId(n - 1),
    });
    if (users[0] !== users[1]) await secrets.refresh('database');
    await until(`version ${n}`, () => secrets.read('database').versionId === versionId(n));
    await load.more();
  }
  await load.stop();
  assertSilent(secrets, events);
  return { load, versions: [...load.versions], proxy };
}

/** Workers that query all the time, each through `withDatabaseRetry` and a pool whose connections are soon replaced. */
function work(secrets, users) {
  const load = { refused: 0, queries: 0, versions: new Set() };
  const pools = new Map();
  const failures = [];
  let isOver = false;

  const query = async (config) => {
    const { username, password: secret } = config;
    const n = Number(/\d+/.exec(secret)[0]);
    assert.deepEqual([username, secret], [users[n - 1], password(n)], 'user and password are of one version');
    try {
      const { rows } = await poolOf(config).query('SELECT session_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
      assert.deepEqual({ ...rows[0] }, { session_user: username, ssl: true });
    } catch (error) {
      if (error.code === '28P01') load.refused++;
      throw error;
    }
    load.versions.add(`${username}-${n}`);
    load.queries++;
  };
  const poolOf = ({ host, port, database, username: user, password, url, ssl }) => {
    if (!pools.has(url)) {
      const pool = new pg.Pool({ host, port, database, user, password, ssl, max: 5, maxUses: 10 });
      // A connection that is still closing emits an error when the server ends; no query uses it any more.
      pool.on('connect', (client) => client.on('error', () => {}));
      pool.on('error', () => {});
      pools.set(url, pool);
    }
    return pools.get(url);
  };
  const worker = async () => {
    while (!isOver) {
      await secrets.withDatabaseRetry(query).catch((error) => failures.push(error));
      await sleep(20);
    }
  };
  const workers = Array.from({ length: WORKERS }, worker);
  let stopped;

  return Object.assign(load, {
    /** Waits until every worker may have queried again, with the newest version. */
    async more() {
      const wanted = load.queries + 10 * WORKERS;
      await until('more queries', () => load.queries >= wanted);
    },
    stop: () => {
      isOver = true;
      return (stopped ??= (async () => {
        await Promise.all(workers);
        await Promise.all([...pools.values()].map((pool) => pool.end()));
        assert.deepEqual(failures, [], 'a query was lost');
      })());
    },
  });
}

function password(n) {
  return `canary-password-${n}`;
}

function credentials(username, n) {
  const { port, authority } = postgres;
  return { host: '127.0.0.1', port, database: 'postgres', username, password: password(n), ssl: { ca: authority } };
}

async function open(t, environment, url, listener) {
  const options = { environment, source: 'aws', services: ['database'], endpointUrl: url, env: {} };
  const secrets = await Secrets.open(options, listener);
  t.after(() => secrets.close());
  return secrets;
}

async function administer(statement) {
  const administrator = { ...credentials('postgres', 0), password: postgres.password };
  await login(administrator, (client) => client.query(statement));
}

async function login({ host, port, database, username: user, password, ssl }, then = async () => {}) {
  const client = new pg.Client({ host, port, database, user, password, ssl: { ...ssl } });
  await client.connect();
  await then(client);
  await client.end();
}
