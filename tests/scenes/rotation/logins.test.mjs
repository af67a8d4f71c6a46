// What real libraries and a real pooler make of a refused login. The vectors in tests/vectors/logins have the forms of those
// that are not here.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import knex from 'knex';
import pg from 'pg';
import { Sequelize } from 'sequelize';
import { DataSource } from 'typeorm';
import { Secrets } from '@permisos/secrets';
import { isolateAws, startMoto, startPostgres } from '../../servers/servers.mjs';

const OLD = randomBytes(12).toString('hex');
const NEW = randomBytes(12).toString('hex');
let moto;
let postgres;

before(async () => {
  isolateAws();
  [moto, postgres] = await Promise.all([startMoto(), startPostgres()]);
  const admin = new pg.Client(target(postgres.port, 'postgres', postgres.password));
  await admin.connect();
  await admin.query(`CREATE ROLE app LOGIN PASSWORD '${NEW}'`);
  await admin.end();
});

after(() => Promise.all([moto?.stop(), postgres?.stop()]));

const target = (port, user, password) =>
  ({ host: '127.0.0.1', port, user, password, database: 'postgres', ssl: { ca: postgres.authority } });

/** One login and one query each. */
const LIBRARIES = {
  async pg(config) {
    const client = new pg.Client(config);
    try {
      await client.connect();
    } finally {
      await client.end().catch(() => {});
    }
  },
  async 'pg in an AggregateError'(config) {
    await Promise.any([LIBRARIES.pg(config), LIBRARIES.pg(config)]);
  },
  async 'pg below causes of the application'(config) {
    await LIBRARIES.pg(config).catch((cause) => {
      throw new Error('the orders cannot be read', { cause: new Error('no connection', { cause }) });
    });
  },
  async Sequelize({ ssl, user, password, database, ...config }) {
    const options = { ...config, dialect: 'postgres', dialectModule: pg, logging: false, dialectOptions: { ssl } };
    const sequelize = new Sequelize(database, user, password, options);
    await sequelize.authenticate().finally(() => sequelize.close());
  },
  async Knex(connection) {
    const silent = { debug() {}, deprecate() {}, error() {}, warn() {} };
    const client = knex({ client: 'pg', connection, pool: { min: 0, max: 1 }, log: silent });
    await client.raw('SELECT 1').finally(() => client.destroy());
  },
  async TypeORM({ user: username, ...config }) {
    const source = new DataSource({ ...config, username, type: 'postgres', driver: pg });
    await source.initialize();
    await source.destroy();
  },
};

/** Secrets whose version is changed after the first login failed. How often the work ran, and how it ended. */
async function logins(t, environment, port, login, adapt = (config) => config) {
  const name = `permisos/${environment}/database/credentials`;
  const stored = { host: '127.0.0.1', port, dbname: 'postgres', username: 'app' };
  await moto.create(name, { ...stored, password: OLD });
  const options = { environment, source: 'aws', services: ['database'], endpointUrl: moto.url, env: {} };
  const secrets = await Secrets.open(options);
  t.after(() => secrets.close());
  await moto.put(name, { ...stored, password: NEW });
  let count = 0;
  const work = async ({ password }) => {
    count++;
    await login(adapt({ ...target(port, 'app', password) }));
  };
  const error = await secrets.withDatabaseRetry(work, { budgetMs: 20_000 }).then(() => null, (error) => error);
  return { count, error };
}

test('PgBouncer, Sequelize and pg report a refused login as the vectors say', async (t) => {
  for (const [library, login] of Object.entries(LIBRARIES)) {
    await t.test(library, async (t) => {
      const environment = library.replace(/\W/g, '-');
      const { count, error } = await logins(t, environment, postgres.port, login);
      assert.deepEqual([count, error], [2, null]);
    });
    await t.test(`${library} without TLS, which no password heals`, async (t) => {
      const environment = `${library.replace(/\W/g, '-')}-clear`;
      const started = performance.now();
      const clear = (config) => ({ ...config, ssl: false });
      const { count, error } = await logins(t, environment, postgres.port, login, clear);
      assert.deepEqual([count, error instanceof Error], [1, true]);
      assert.ok(performance.now() - started < 5000, 'it is not waited for');
    });
  }
  for (const method of ['md5', 'scram-sha-256']) {
    const pooler = await startPooler(method);
    if (!pooler) {
      t.diagnostic('PgBouncer is not there: install Debian\'s package pgbouncer');
      break;
    }
    t.after(() => pooler.stop());
    for (const library of ['pg', 'Sequelize']) {
      await t.test(`${library} before PgBouncer with ${method}`, async (t) => {
        const environment = `${library}-pooler-${method}`;
        const clear = (config) => ({ ...config, ssl: false });
        const seen = [];
        const login = (config) =>
          LIBRARIES[library](config).catch((error) => {
            seen.push((error.parent ?? error).code);
            throw error;
          });
        const { count, error } = await logins(t, environment, pooler.port, login, clear);
        assert.deepEqual([count, error, seen], [2, null, ['08P01']]);
      });
    }
  }
});

async function startPooler(method) {
  const python = process.env.PERMISOS_PYTHON ?? 'python3';
  const path = new URL('../../servers/pgbouncer_server.py', import.meta.url).pathname;
  const child = spawn(python, [path], { stdio: ['pipe', 'pipe', 'inherit'] });
  const { port, authority } = postgres;
  child.stdin.write(`${JSON.stringify({ port, authority, method, users: { app: NEW } })}\n`);
  const [line] = await once(createInterface(child.stdout), 'line');
  if (line === 'unavailable') return null;
  return {
    port: Number(line),
    async stop() {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}
