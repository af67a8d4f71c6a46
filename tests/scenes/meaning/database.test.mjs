// What is stored means the same to every program that reads it, whatever way it gets there: `exec`, an exported file, the
// application's own read. PostgreSQL lets nobody in without TLS but the user `plain`. Prints the matrix.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { isolateAws, makeCertificates, startMoto, startPostgres } from '../../servers/servers.mjs';
import { startMatrix } from '../../support/readers.mjs';

const USER = "app user/:@?#'%41é";
const PASSWORD = 'p@ss/w+rd %20"\'#\\ canary-3Kp9';

const DATABASE = 'n me/+:é';

let moto;
let postgres;
let foreign;
let matrix;
let folder;

before(async () => {
  isolateAws();
  [moto, postgres, { authority: foreign }] = await Promise.all([startMoto(), startPostgres(), makeCertificates()]);
  matrix = await startMatrix('database', moto, new URL('read-database.mjs', import.meta.url).pathname);
  folder = await mkdtemp(join(tmpdir(), 'permisos-secrets-authority-'));
  await writeFile(join(folder, 'ca.pem'), postgres.authority);
  const { port, password, authority } = postgres;
  const login = { host: '127.0.0.1', port, user: 'postgres', password, ssl: { ca: authority } };
  const connect = (database) => new pg.Client({ ...login, database });
  const admin = connect('postgres');
  await admin.connect();
  await admin.query(`CREATE DATABASE ${pg.escapeIdentifier(DATABASE)}`);
  const there = connect(DATABASE);
  await there.connect();
  for (const name of [USER, 'plain']) {
    const user = pg.escapeIdentifier(name);
    await admin.query(`CREATE ROLE ${user} LOGIN PASSWORD ${pg.escapeLiteral(PASSWORD)}`);
    // node-pg-migrate keeps a table.
    for (const client of [admin, there]) await client.query(`GRANT ALL ON SCHEMA public TO ${user}`);
  }
  await Promise.all([admin.end(), there.end()]);
});

after(async () => {
  await matrix?.end();
  await Promise.all([moto?.stop(), postgres?.stop(), rm(folder, { recursive: true })]);
});

const TLS = /^TLS$/;
const PLAIN = /^plain$/;
/** By libpq, and by OpenSSL in Node. */
const FAILS = /^fails: .*(SSL error|root certificate|server certificate|SIGNATURE|ALTNAME|cert's|TLS connection)/;

const VARIABLES = ['exec', 'export'];
const PSQL = ['psql, DATABASE_URL', 'psql, PG…'];
const BY_PG = ['pg, DATABASE_URL', 'pg, PG…', 'node-pg-migrate, DATABASE_URL', 'Prisma 7, DATABASE_URL'];
const where = (ways, readers, read, why) =>
  Object.fromEntries(ways.flatMap((way) => readers.map((reader) => [`${way}: ${reader}`, [read, why]])));

const NO_FILE =
  where(['export'], [...PSQL, ...BY_PG], FAILS, 'the authority is in DB_SSL_CA; only exec has a file of it, while it runs');
const PG_VERIFIES = where(VARIABLES, BY_PG, FAILS, "pg verifies under require, libpq's word, too; libpq refuses pg's no-verify");
const PSQL_DOES_NOT = where(VARIABLES, PSQL, TLS, 'libpq verifies nothing under this word, by its documentation');
const PSQL_PREFERS = where(VARIABLES, PSQL, TLS, 'where nothing is said, libpq takes TLS if the server has it');

const url = (options, user = USER, at = '127.0.0.1') => {
  const [name, password] = [user, PASSWORD].map(encodeURIComponent);
  return `postgres://${name}:${password}@${at}:${postgres.port}/postgres${options}`;
};
const secret = (more) => () => {
  const login = { host: '127.0.0.1', port: postgres.port, dbname: 'postgres', username: USER, password: PASSWORD };
  return { secret: { ...login, ...more() } };
};
const own = (more) => secret(() => ({ ssl: { ca: postgres.authority }, ...more }));
const alone = (...parts) => () => ({ variables: { DATABASE_URL: url(...parts) } });
const given = (...parts) => () => ({ variables: { DATABASE_URL: url(...parts), DB_SSL_CA: postgres.authority } });
const cell = (what, stored, expected, ...except) =>
  test(`stored with ${what}: every program makes the same of it`, () =>
    matrix.cell(what, stored(), expected, Object.assign({}, ...except)));

cell('its authority', own(), TLS, NO_FILE);
cell('its authority by file', () => alone(`?sslmode=verify-full&sslrootcert=${join(folder, 'ca.pem')}`)(), TLS, NO_FILE);
cell('no verification', secret(() => ({ ssl: { rejectUnauthorized: false } })), TLS, PG_VERIFIES);
cell('a foreign authority', secret(() => ({ ssl: { ca: foreign } })), FAILS);
cell('no authority', secret(() => ({ ssl: {} })), FAILS);
cell('a name that the certificate lacks', own({ host: 'localhost' }), FAILS);
cell('special characters in database, user and password', own({ dbname: DATABASE }), TLS, NO_FILE);
cell('fields that are no options', own({ poolMin: 2, dbInstanceIdentifier: 'db-1' }), TLS, NO_FILE);
cell("a client's certificate", own({ sslcert: '/client.crt', sslkey: '/client.key' }), TLS, NO_FILE);
cell('no word of TLS', secret(() => ({ username: 'plain' })), PLAIN, PSQL_PREFERS);
cell('ssl: false', secret(() => ({ username: 'plain', ssl: false })), PLAIN, PSQL_PREFERS);
cell('sslmode=disable', alone('?sslmode=disable', 'plain'), PLAIN);
for (const mode of ['prefer', 'require', 'verify-ca', 'verify-full']) {
  cell(`sslmode=${mode} and its authority`, given(`?sslmode=${mode}`), TLS, NO_FILE);
}
cell('sslmode=prefer alone', alone('?sslmode=prefer'), FAILS, PSQL_DOES_NOT);
cell('sslmode=require alone', alone('?sslmode=require'), FAILS, PSQL_DOES_NOT);
cell('sslmode=allow alone', alone('?sslmode=allow'), FAILS, PSQL_DOES_NOT,
  where(VARIABLES, ['pg, PG…'], /^fails: .*no encryption/, 'pg does not know PGSSLMODE=allow and comes without TLS'));
cell('sslmode=no-verify', alone('?sslmode=no-verify'), TLS, PG_VERIFIES);
cell('sslmode=verify-ca, a name that the certificate lacks', given('?sslmode=verify-ca', USER, 'localhost'), FAILS,
  where(['exec'], PSQL, TLS, 'libpq leaves out the name under verify-ca; pg never does'));
cell('options with a space, a name with a plus',
  given('?options=-c%20search_path%3Dapp&application_name=a+b&sslmode=verify-full'),
  /^TLS search_path=app application_name=a\+b$/, NO_FILE,
  where(['exec'], ['node-pg-migrate, DATABASE_URL'], /^TLS application_name=a\+b$/, 'it sets the search path itself'),
  where(['application'], ['pg, fields'], TLS, 'options are in extra, and in url'));
cell("Prisma's options", given('?pgbouncer=true&connection_limit=1&sslmode=verify-full'), TLS, NO_FILE,
  where(VARIABLES, PSQL.slice(0, 1), /^fails: .*invalid URI query parameter: "pgbouncer"/,
    'libpq refuses what it does not know; PG… serve it'));

test('what no configuration can say is refused', async () => {
  const refuse = (what, DATABASE_URL, why) => matrix.refuse(what, { DATABASE_URL }, why);
  const certificate = url('?sslcert=/client.crt&sslkey=/client.key');
  await refuse('sslcert and sslkey in a URL', certificate, /client certificates are not handed out/);
  const socket = `postgres://app:${encodeURIComponent(PASSWORD)}@%2Frun%2Fpostgresql/app`;
  await refuse('a Unix socket', socket, /host name or IP address/);
  await refuse('an unknown sslmode', url('?sslmode=strict'), /sslmode in DATABASE_URL must be/);
});

test('what is not tried here is in the table, with the reason', () => {
  matrix.note('a host that is an IPv6 address', 'test servers listen on 127.0.0.1 alone; vectors say how it is written');
  matrix.note('Prisma Migrate, and Prisma 6 and older', 'engines of their own, which no package has: docs/design.md says more');
});
