// Nothing changes on the way round: a file migrated, exported as dotenv or JSON, and migrated to another environment, makes
// secrets that applications read as the same, whatever the values are. What a format cannot say is refused by name.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual, promisify } from 'node:util';
import { Secrets } from '@permisos/secrets';
import dotenv from 'dotenv';
import { isolateAws, makeCertificates, startMoto } from '../../servers/servers.mjs';

const TOOL = new URL('../../node_modules/.bin/permisos-secrets', import.meta.url).pathname;
const SERVICES = ['database', 'redis', 'security', 'email'];

/** What passwords hold, and what readers of files trip over: each is a password, a key and a part of a URL. */
const NASTY = [
  `it's`, `say "so"`, 'a `tick`', `it's "so"`, '"quoted"x', `'quoted'x`, 'back\\slash', 'ends\\', `ends in 'quotes'\\`, 'a b\\',
  'with # hash', '#first', 'a#b', '$HOME ${HOME} $(id)', 'a=b=c', 'export x', 'é ñ 日本 🔑', ' leads', 'trails ', '\ttab\t',
  'two\nlines', 'three\n\nlines\n', 'literal\\nline', 'percent%20%41', 'a+b&c;d', '{{x}}', '!bang!', '~/home',
  `all'"\``,
  '-----BEGIN', '[1,2]', '{"a":1}', 'null ', '\\"', "\\'", '//slashes?&#', '@:/', ':', '%',
];
/** Those that no line of a file says: dotenv has no escapes. */
const UNSAYABLE = {
  'a\rb': 'holds a carriage return, which is read as the end of a line',
  'a # b\\': 'needs quotes and ends with a backslash, which escapes the closing one',
  '#\'"`': 'needs quotes and holds every kind of them',
};

let moto;
let authority;
let folder;
let count = 0;

before(async () => {
  isolateAws();
  [moto, { authority }] = await Promise.all([startMoto(), makeCertificates()]);
  folder = await mkdtemp(join(tmpdir(), 'permisos-secrets-round-'));
  await writeFile(join(folder, 'permisos.json'), JSON.stringify({ source: 'aws', services: SERVICES }));
});

after(() => Promise.all([moto?.stop(), rm(folder, { recursive: true })]));

const bare = () => ({ PATH: process.env.PATH });
const asAws = () => {
  const aws = Object.entries(process.env).filter(([name]) => name.startsWith('AWS_'));
  return { ...bare(), ...Object.fromEntries(aws), AWS_ENDPOINT_URL: moto.url };
};
const tool = (args, env) => promisify(execFile)(TOOL, args, { cwd: folder, env: { ...asAws(), ...env } });

/** An environment of its own with the secrets that variables make, from the process or a file. */
async function migrate({ variables, file = 'environment' }) {
  const environment = `round-${count++}`;
  await tool(['migrate', '--from', file, '--to', environment, '--yes'], variables);
  return { environment };
}

async function exported(environment, format) {
  const file = join(folder, `${environment}.${format}`);
  const { stderr } = await tool(['export', '-e', environment, '--format', format, '--out', file]);
  return { file, text: await readFile(file, 'utf8'), stderr };
}

/** Of a password every service makes something: a field, a part of a URL, a key. */
const variables = (value, more) => ({
  DB_HOST: 'db.example.com', DB_NAME: 'n/a', DB_USER: `u${value}`, DB_PASSWORD: value,
  REDIS_URL: `redis://${encodeURIComponent(value)}:${encodeURIComponent(value)}@cache.example.com/3?family=0`,
  SESSION_SECRET: value.padStart(40, 'x'), JWT_SECRET: value.padStart(40, 'y'), INTERNAL_API_KEY: `${'k'.repeat(20)}${value}`,
  EMAIL_USER: `u${value}`, EMAIL_PASS: value, EMAIL_FROM: 'Hola <hola@example.com>', EMAIL_HOST: 'smtp.example.com',
  ...more,
});
const parsed = { dotenv: (text) => dotenv.parse(text), json: JSON.parse };

async function configs(environment) {
  const secrets = await Secrets.open({ environment, source: 'aws', services: SERVICES, endpointUrl: moto.url });
  const { getDatabaseConfig, getRedisConfig, getSecurityConfig, getEmailConfig } = Secrets.prototype;
  const getters = [getDatabaseConfig, getRedisConfig, getSecurityConfig, getEmailConfig];
  const read = structuredClone(getters.map((get) => get.call(secrets)));
  secrets.close();
  return read;
}

async function assertRound(given) {
  const first = await migrate({ variables: given });
  const read = await configs(first.environment);
  const files = {};
  for (const format of ['dotenv', 'json']) {
    const { file, text, stderr } = await exported(first.environment, format);
    assert.doesNotMatch(stderr, /left out/);
    const values = parsed[format](text);
    const from = format === 'dotenv' ? { file } : { variables: values };
    // To the same environment: nothing is to be done.
    const { stdout } = await tool(
      ['migrate', '--from', from.file ?? 'environment', '--to', first.environment, '--dry-run', '--json'], from.variables);
    const { steps } = JSON.parse(stdout);
    assert.deepEqual(steps.map(({ service, action }) => `${service} ${action}`), SERVICES.map((service) => `${service} same`));
    // To another one: an application reads the same, and the next file is the same.
    const back = await migrate(from);
    assert.ok(isDeepStrictEqual(await configs(back.environment), read), `${format}: an application reads the same`);
    assert.ok((await exported(back.environment, format)).text === text, `${format}: the same file`);
    files[format] = { file, values };
  }
  assert.ok(isDeepStrictEqual({ ...files.dotenv.values }, files.json.values), "npm's dotenv reads what JSON says");
  const args = [`--env-file=${files.dotenv.file}`, '-p', 'JSON.stringify(process.env)'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: bare() });
  const { PATH, ...byNode } = JSON.parse(stdout);
  return { files, byNode };
}

// Several values in one round: each of them is in another service, in turn.
for (let start = 0; start < NASTY.length; start += 4) {
  const values = NASTY.slice(start, start + 4);
  test(`nothing changes on the way round: ${values.map((value) => JSON.stringify(value)).join(' ')}`, async () => {
    const [a, b = a, c = a, d = a] = values;
    const { files, byNode } = await assertRound({
      ...variables(a),
      REDIS_URL: variables(b).REDIS_URL, SESSION_SECRET: variables(c).SESSION_SECRET, JWT_SECRET: variables(b).JWT_SECRET,
      INTERNAL_API_KEY: variables(c).INTERNAL_API_KEY, EMAIL_PASS: d, EMAIL_USER: `u${b}`,
    });
    assert.ok(isDeepStrictEqual(byNode, files.json.values), 'node --env-file reads it, too');
  });
}

test('nothing changes on the way round: authorities and URLs', async () => {
  const login = 'postgresql://app:p4ss-word@db.example.com/app';
  const redis = 'rediss://:p4ss-word@cache.example.com';
  for (const more of [
    { DATABASE_URL: `${login}?sslmode=verify-ca`, DB_SSL_CA: authority, REDIS_URL: redis, REDIS_TLS_CA: authority },
    { DATABASE_URL: `${login}?sslmode=require`, DB_SSL_CA: btoa(authority), REDIS_URL: redis, REDIS_TLS_CA: btoa(authority) },
    { DATABASE_URL: `${login}?sslmode=no-verify`, REDIS_URL: redis, REDIS_TLS: 'no-verify' },
    { DATABASE_URL: `${login}?sslmode=verify-full`, DB_SSL_CA: authority.replaceAll('\n', '\r\n') },
    { DATABASE_URL: `${login}?sslmode=disable`, REDIS_URL: `${redis}:6380`, REDIS_TLS_SERVERNAME: 'other.example.com' },
    { DATABASE_URL: `${login}?options=-c%20search_path%3Dapp&application_name=a+b&pgbouncer=true&connect_timeout=5` },
    { DATABASE_URL: 'postgres://app:p4ss-word@[2001:db8::1]:5433/app?sslmode=prefer', REDIS_URL: 'redis://[2001:db8::1]/0' },
  ]) {
    await assertRound(variables('p4ss-word', more));
  }
});

test('what a file cannot say is refused by the name of the variable, with the reason; JSON says it', async () => {
  for (const [value, reason] of Object.entries(UNSAYABLE)) {
    const first = await migrate({ variables: variables(value) });
    const { stderr } = await exported(first.environment, 'dotenv').then(() => assert.fail(value), (error) => error);
    assert.match(stderr, new RegExp(`(DB|PG)\\w+ ${reason}: an environment file cannot say it; use --format json`));
    const { text } = await exported(first.environment, 'json');
    const back = await migrate({ variables: JSON.parse(text) });
    assert.ok(isDeepStrictEqual(await configs(back.environment), await configs(first.environment)));
  }
});

test('what no variable can say is named when it is exported', async () => {
  const { environment } = await migrate({ variables: variables('p4ss-word') });
  const login = { host: 'db', dbname: 'n', username: 'u', password: 'p4ss-word', engine: 'postgres' };
  await moto.put(`permisos/${environment}/database/credentials`, { ...login, poolMin: 2, dbInstanceIdentifier: 'db-1' });
  const { stderr } = await exported(environment, 'dotenv');
  assert.match(stderr, /database: no variable says (poolMin, dbInstanceIdentifier|dbInstanceIdentifier, poolMin): left out/);
});

test("a shell and docker's --env-file read a file without quotes as it stands", async () => {
  const { environment } = await migrate({ variables: variables("it's two words") });
  const { file, text } = await exported(environment, 'dotenv');
  const script = `set -a; . "${file}"; exec "${process.execPath}" -p 'JSON.stringify(process.env)'`;
  const { stdout } = await promisify(execFile)('sh', ['-c', script], { env: bare() });
  const values = dotenv.parse(text);
  const { PATH, PWD, _, SHLVL, OLDPWD, ...bySh } = JSON.parse(stdout);
  assert.ok(isDeepStrictEqual({ ...bySh }, { ...values }), 'double quotes where a value has a single one');
  // By docker's documentation: NAME=value a line, and quotes belong to the value.
  const byDocker = Object.fromEntries(text.trim().split('\n').map((line) => line.split(/=(.*)/s)));
  const differing = Object.keys(values).filter((name) => byDocker[name] !== values[name]);
  assert.ok(!differing.includes('DATABASE_URL') && !differing.includes('PGHOST'));
  assert.ok(differing.includes('DB_PASSWORD'), 'docker keeps the quotes: the documentation advises exec');
});
