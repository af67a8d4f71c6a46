// The recipes of docs/guide/adapters.md, as they stand there, through a rotation of user and password.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { getDatabaseConfig, initializeSecrets, refreshSecret } from '@permisos/secrets';
import { isolateAws, startMoto, startPostgres } from '../../servers/servers.mjs';
import { until } from '../../support/scene.mjs';

const NAME = 'permisos/recipes/database/credentials';
const GUIDE = readFileSync(new URL('../../docs/guide/adapters.md', import.meta.url), 'utf8');
let moto;
let postgres;
let n = 0;

before(async () => {
  isolateAws();
  [moto, postgres] = await Promise.all([startMoto(), startPostgres()]);
  await rotate('create');
  await initializeSecrets({ environment: 'recipes', source: 'aws', services: ['database'], endpointUrl: moto.url, env: {} });
});

after(() => Promise.all([moto?.stop(), postgres?.stop()]));

/** Stores the next user with a password of its own. */
async function rotate(store) {
  const { port, authority } = postgres;
  const user = `user${++n}`;
  await administer(`CREATE ROLE ${user} LOGIN PASSWORD 'canary-password-${n}'`);
  const server = { host: '127.0.0.1', port, database: 'postgres', ssl: { ca: authority } };
  await moto[store](NAME, { ...server, username: user, password: `canary-password-${n}` });
}

/** The user before can log in no more, and has no connection. */
async function revoke() {
  await administer(`ALTER ROLE user${n - 1} NOLOGIN`);
  await administer(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'user${n - 1}'`);
}

async function administer(statement) {
  const { port, password, authority } = postgres;
  const server = { host: '127.0.0.1', port, database: 'postgres', ssl: { ca: authority } };
  const admin = new pg.Client({ ...server, user: 'postgres', password });
  await admin.connect();
  await admin.query(statement);
  await admin.end();
}

/** How each makes a query, and ends. */
const LIBRARIES = {
  Knex: {
    query: async ({ db }, sql) => (await db.raw(sql)).rows[0],
    end: ({ db }) => db.destroy(),
  },
  Sequelize: {
    query: async ({ sequelize }, sql) => (await sequelize.query(sql))[0][0],
    end: ({ sequelize }) => sequelize.close(),
  },
  TypeORM: {
    query: async ({ source }, sql) => (await (source.isInitialized ? source : await source.initialize()).query(sql))[0],
    end: ({ source }) => source.destroy(),
  },
  Prisma: {
    async query({ adapter }, sql) {
      const connection = await (adapter.connected ??= adapter.connect());
      const { columnNames, rows } = await connection.queryRaw({ sql, args: [], argTypes: [] });
      return Object.fromEntries(columnNames.map((name, index) => [name, rows[0][index]]));
    },
    end: async ({ adapter }) => (await adapter.connected).dispose(),
  },
};

for (const [library, { query, end }] of Object.entries(LIBRARIES)) {
  test(`${library} ` + 'connects as the new user after a rotation, over TLS', async (t) => {
    const [, code] = new RegExp(`\\n## ${library}\\n+\`\`\`js\\n([^]*?)\`\`\``).exec(GUIDE);
    const file = new URL(`recipe-${library}.mjs`, import.meta.url);
    writeFileSync(file, code);
    const recipe = await import(file);
    t.after(() => end(recipe));
    const who = async () => {
      const row = await query(recipe, 'SELECT session_user::text AS user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
      assert.equal(row.ssl, true);
      return row.user;
    };
    assert.equal(await who(), `user${n}`);
    await rotate('put');
    await until('the new user', async () => {
      await refreshSecret('database');
      return getDatabaseConfig().username === `user${n}`;
    });
    await revoke();
    // A library may notice only at the next use that the server has ended its connections.
    await until('a new connection', () => who().then(() => true, () => false));
    assert.equal(await who(), `user${n}`);
  });
}
