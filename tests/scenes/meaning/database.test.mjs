// What is stored means the same to the programs that read it: psql, libpq's variables and pg, as `exec` starts them, against
// a PostgreSQL that lets nobody in without TLS. Prints a matrix: what was stored, how it was handed over, who read it.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import pg from 'pg';
import { isolateAws, makeCertificates, startMoto, startPostgres } from '../../servers/servers.mjs';

const TOOL = new URL('../../node_modules/.bin/permisos-secrets', import.meta.url).pathname;
/** For programs that do not start here. */
const NODE_PATH = new URL('../node_modules', import.meta.url).pathname;
const PASSWORD = 'p@ss/w+rd %20"\'#\\ canary-3Kp9';
const ASKED = "SELECT ssl, current_setting('application_name') FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

/** Each prints `t` or `true`, and the application's name. */
const PG = `
  const pg = require('pg');
  (async () => {
    const client = new pg.Client(CONFIG);
    await client.connect();
    const { rows: [row] } = await client.query({ text: ${JSON.stringify(ASKED)}, rowMode: 'array' });
    console.log(row.join('|'));
    await client.end();
  })().catch((error) => { console.error(error.code ?? error.name); process.exitCode = 1; });
`;
const READERS = {
  'psql, DATABASE_URL': ['sh', '-c', `exec psql -XAtq -c "${ASKED}" "$DATABASE_URL"`],
  'psql, PG…': ['psql', '-XAtq', '-c', ASKED],
  'pg, DATABASE_URL': [process.execPath, '-e', PG.replace('CONFIG', '{ connectionString: process.env.DATABASE_URL }')],
  'pg, DB_…': [
    process.execPath,
    '-e',
    PG.replace(
      'CONFIG',
      `{
        host: process.env.DB_HOST, port: process.env.DB_PORT, database: process.env.DB_NAME,
        user: process.env.DB_USER, password: process.env.DB_PASSWORD,
        ssl: process.env.DB_SSL_CA ? { ca: process.env.DB_SSL_CA } : { rejectUnauthorized: process.env.DB_SSL !== 'no-verify' },
      }`,
    ),
  ],
};

let moto;
let postgres;
let foreign;
/** Where the programs start, and where files for them are made. */
let folder;

before(async () => {
  isolateAws();
  folder = await mkdtemp(join(tmpdir(), 'permisos-secrets-meaning-'));
  await writeFile(join(folder, 'permisos.json'), JSON.stringify({ source: 'aws', services: ['database'] }));
  [moto, postgres, { authority: foreign }] = await Promise.all([startMoto(), startPostgres(), makeCertificates()]);
  const { port, password, authority } = postgres;
  const admin = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password, database: 'postgres', ssl: { ca: authority } });
  await admin.connect();
  await admin.query(`CREATE ROLE "app user" LOGIN PASSWORD ${pg.escapeLiteral(PASSWORD)}`);
  await admin.end();
});

after(async () => {
  await Promise.all([moto?.stop(), postgres?.stop()]);
  await rm(folder, { recursive: true });
});

/** What each reader prints, or the first word of its failure. */
async function read(environment, stored) {
  const secret = { host: '127.0.0.1', port: postgres.port, dbname: 'postgres', username: 'app user', password: PASSWORD, ...stored };
  await moto.create(`permisos/${environment}/database/credentials`, secret);
  const env = { PATH: process.env.PATH, NODE_PATH, AWS_ENDPOINT_URL: moto.url, TMPDIR: folder };
  for (const [name, value] of Object.entries(process.env)) if (name.startsWith('AWS_')) env[name] = value;
  const row = {};
  for (const [reader, command] of Object.entries(READERS)) {
    const run = promisify(execFile)(TOOL, ['exec', '-e', environment, '--', ...command], { env, cwd: folder });
    row[reader] = await run.then(
      ({ stdout }) => stdout.trim().replace(/^true\|/, 't|'),
      ({ stderr }) => `fails: ${stderr.trim().split('\n').at(-1)}`,
    );
    assert.doesNotMatch(row[reader], /canary/);
  }
  return row;
}

const AUTHORITY = () => ({ ssl: { ca: postgres.authority } });
const FAILS = /^fails: .*(SSL error|SIGNATURE)/;

/** What is stored, and what every program prints then. `except` is what another way of saying it makes impossible. */
const CELLS = [
  ['its authority', AUTHORITY, /^t\|/],
  ['its authority, and fields that are no options', () => ({ ...AUTHORITY(), poolMin: 2, engine: 'postgres' }), /^t\|/],
  // `require` encrypts without verifying in libpq; pg verifies all the same, and libpq refuses what pg has for it.
  ['no verification', () => ({ ssl: { rejectUnauthorized: false } }), /^t\|/, { 'pg, DATABASE_URL': FAILS }],
  ['a foreign authority', () => ({ ssl: { ca: foreign } }), FAILS],
  ['no authority', () => ({ ssl: {} }), FAILS],
];

for (const [index, [what, stored, expected, except = {}]] of CELLS.entries()) {
  test(`stored with ${what}: every program makes the same of it`, async (t) => {
    const row = await read(`cell-${index}`, stored());
    for (const [reader, printed] of Object.entries(row)) t.diagnostic(`${what} | ${reader} | ${printed}`);
    for (const [reader, printed] of Object.entries(row)) assert.match(printed, except[reader] ?? expected, reader);
    assert.deepEqual(await readdir(folder), ['permisos.json'], 'a file of an authority is left');
  });
}
