// Reads the database by what it was handed over, with each of the programs that applications and their operators use.

import { createRequire } from 'node:module';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { printReadings, printed } from '../../support/readers.mjs';
import { ASKED } from './database-asked.mjs';

const require = createRequire(import.meta.url);
const FOLDER = new URL('.', import.meta.url).pathname;
const { DATABASE_URL: url, DB_HOST, DB_PORT, DB_NAME, DB_USER, DB_PASSWORD, DB_SSL, DB_SSL_CA } = process.env;

async function byPg(config) {
  const client = new pg.Client(config);
  client.on('error', () => {});
  await client.connect();
  const { rows } = await client.query(ASKED);
  await client.end();
  return rows[0].read;
}

/** Prisma's client as `prisma generate` writes it for a schema without models: the generator itself needs an engine. */
async function byPrisma(config) {
  const { getPrismaClient } = require('@prisma/client/runtime/client');
  const compiler = '@prisma/client/runtime/query_compiler_fast_bg.postgresql';
  const PrismaClient = getPrismaClient({
    clientVersion: '7.10.0',
    engineVersion: '0',
    activeProvider: 'postgresql',
    previewFeatures: [],
    inlineSchema: 'datasource db { provider = "postgresql" }',
    runtimeDataModel: { models: {}, enums: {}, types: {} },
    parameterizationSchema: { strings: [], graph: 'AAAA' },
    compilerWasm: {
      getRuntime: async () => require(`${compiler}.js`),
      getQueryCompilerWasmModule: async () =>
        new WebAssembly.Module(Buffer.from(require(`${compiler}.wasm-base64.js`).wasm, 'base64')),
      importName: './query_compiler_fast_bg.js',
    },
  });
  const client = new PrismaClient({ adapter: new PrismaPg(config) });
  try {
    return (await client.$queryRawUnsafe(ASKED))[0].read;
  } finally {
    await client.$disconnect();
  }
}

const ssl = () => {
  if (DB_SSL === 'false') return false;
  return { rejectUnauthorized: DB_SSL !== 'no-verify', ca: DB_SSL_CA };
};
const byVariables = {
  'psql, DATABASE_URL': () => printed('psql', '-XAtq', '-c', ASKED, url),
  'psql, PG…': () => printed('psql', '-XAtq', '-c', ASKED),
  'pg, DATABASE_URL': () => byPg({ connectionString: url }),
  'pg, DB_…': () =>
    byPg({ host: DB_HOST, port: DB_PORT, database: DB_NAME, user: DB_USER, password: DB_PASSWORD, ssl: ssl() }),
  'pg, PG…': () => byPg(),
  'node-pg-migrate, DATABASE_URL': () => {
    const table = `migrations_${process.pid}`;
    const migrate = new URL('../node_modules/node-pg-migrate/bin/node-pg-migrate.js', import.meta.url).pathname;
    return printed(process.execPath, migrate, 'up', '--no-lock', '-m', `${FOLDER}migrations`, '-t', table);
  },
  'Prisma 7, DATABASE_URL': () => byPrisma({ connectionString: url }),
};

async function byConfig(environment) {
  const { Secrets } = await import('@permisos/secrets');
  const secrets = await Secrets.open({ environment, source: 'aws', services: ['database'] });
  const { host, port, database, username: user, password, ssl, url: connectionString } = secrets.getDatabaseConfig();
  secrets.close();
  return {
    'pg, fields': () => byPg({ host, port, database, user, password, ssl }),
    'pg, url and ssl': () => byPg({ connectionString, ssl }),
    'Prisma 7, url and ssl': () => byPrisma({ connectionString, ssl }),
  };
}

const [environment] = process.argv.slice(2);
await printReadings(environment ? await byConfig(environment) : byVariables);
