// What is stored means the same to the programs that read it: psql, libpq's variables and pg, as `exec` starts them, against
// a PostgreSQL that lets nobody in without TLS. Prints a matrix: what was stored, how it was handed over, who read it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { isolateAws, makeCertificates, startMoto, startPostgres } from '../../servers/servers.mjs';
import { startReaders } from '../../support/readers.mjs';

const PASSWORD = 'p@ss/w+rd %20"\'#\\ canary-3Kp9';
const ASKED = 'SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()';

const node = (config) => [
  process.execPath,
  '-e',
  `const { Client } = require('pg');
  (async () => {
    const client = new Client(${config});
    await client.connect();
    const { rows: [row] } = await client.query({ text: ${JSON.stringify(ASKED)}, rowMode: 'array' });
    console.log(...row);
    await client.end();
  })().catch((error) => { console.error(error.code ?? error.name); process.exitCode = 1; });`,
];
const PROGRAMS = {
  'psql, DATABASE_URL': ['sh', '-c', `exec psql -XAtq -c "${ASKED}" "$DATABASE_URL"`],
  'psql, PG…': ['psql', '-XAtq', '-c', ASKED],
  'pg, DATABASE_URL': node('{ connectionString: process.env.DATABASE_URL }'),
  'pg, DB_…': node(`{
    host: process.env.DB_HOST, port: process.env.DB_PORT, database: process.env.DB_NAME,
    user: process.env.DB_USER, password: process.env.DB_PASSWORD,
    ssl: process.env.DB_SSL_CA ? { ca: process.env.DB_SSL_CA } : { rejectUnauthorized: process.env.DB_SSL !== 'no-verify' },
  }`),
};

let moto;
let postgres;
let foreign;
let readers;

before(async () => {
  isolateAws();
  [moto, postgres, { authority: foreign }] = await Promise.all([startMoto(), startPostgres(), makeCertificates()]);
  readers = await startReaders('database', moto);
  const { port, password, authority } = postgres;
  const admin = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password, database: 'postgres', ssl: { ca: authority } });
  await admin.connect();
  await admin.query(`CREATE ROLE "app user" LOGIN PASSWORD ${pg.escapeLiteral(PASSWORD)}`);
  await admin.end();
});

after(() => Promise.all([moto?.stop(), postgres?.stop(), readers?.remove()]));

const CONNECTS = /^true$/;
const FAILS = /^fails: .*(SSL error|SIGNATURE)/;
/** What is stored, and what every program prints then, but for those that cannot be told. */
const CELLS = [
  ['its authority', () => ({ ssl: { ca: postgres.authority } }), CONNECTS],
  ['its authority, and fields that are no options', () => ({ ssl: { ca: postgres.authority }, poolMin: 2 }), CONNECTS],
  // `require` encrypts without verifying in libpq; pg verifies all the same, and libpq refuses what pg has for it.
  ['no verification', () => ({ ssl: { rejectUnauthorized: false } }), CONNECTS, { 'pg, DATABASE_URL': FAILS }],
  ['a foreign authority', () => ({ ssl: { ca: foreign } }), FAILS],
  ['no authority', () => ({ ssl: {} }), FAILS],
];

for (const [what, stored, expected, except = {}] of CELLS) {
  test(`stored with ${what}: every program makes the same of it`, async (t) => {
    const login = { host: '127.0.0.1', port: postgres.port, dbname: 'postgres', username: 'app user', password: PASSWORD };
    const row = await readers.read(t, what, { ...login, ...stored() }, PROGRAMS);
    for (const [program, printed] of Object.entries(row)) assert.match(printed, except[program] ?? expected, program);
  });
}
