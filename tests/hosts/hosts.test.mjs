// The hosts of docs/hosts.md in Python and JavaScript: one scene, played with each against an emulated Secrets Manager.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { isolateAws, makeCertificates, startMoto } from '../servers/servers.mjs';

const { PERMISOS_COMPONENT, PERMISOS_HOST_PYTHON, PERMISOS_TRANSPILED } = process.env;
assert.ok(PERMISOS_COMPONENT && PERMISOS_HOST_PYTHON && PERMISOS_TRANSPILED, 'run cargo xtask test');
const drive = (name) => fileURLToPath(new URL(name, import.meta.url));
const HOSTS = {
  python: [PERMISOS_HOST_PYTHON, drive('drive.py'), PERMISOS_COMPONENT],
  javascript: [process.execPath, drive('drive.mjs'), PERMISOS_TRANSPILED],
};
const CANARY = 'canary-8d1f';
const DATABASE = { host: 'db1', database: 'permisos', username: 'app', password: CANARY };

const folder = mkdtempSync(join(tmpdir(), 'hosts-'));
let moto;

before(async () => {
  isolateAws();
  moto = await startMoto();
});

after(async () => {
  rmSync(folder, { recursive: true });
  await moto.stop();
});

/** Runs the host, and calls `scene` with what asks it. */
async function play([program, ...args], options, scene) {
  const child = spawn(program, [...args, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  try {
    const ask = async (...command) => {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      const { value } = await lines.next();
      assert.ok(value && !value.includes(CANARY), `${command[0]} has no answer, or one with a secret`);
      return JSON.parse(value);
    };
    await scene(ask);
    assert.deepEqual(await ask('close'), { ok: null });
    child.stdin.end();
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  } finally {
    child.kill();
  }
}

/** Without the network: what `npx` runs is installed here in the version that the docs name. */
test('the commands of docs/hosts.md make a module of the component, and types with the documentation', async () => {
  const docs = readFileSync(new URL('../../docs/hosts.md', import.meta.url), 'utf8');
  const commands = [...docs.matchAll(/^npx @bytecodealliance\/jco@(\S+) (.+)$/gm)];
  assert.equal(commands.length, 2);
  copyFileSync(PERMISOS_COMPONENT, join(folder, 'permisos-secrets.component.wasm'));
  cpSync(new URL('../../wit', import.meta.url), join(folder, 'wit'), { recursive: true });
  const jco = new URL('node_modules/@bytecodealliance/jco/', import.meta.url);
  const { version } = JSON.parse(readFileSync(new URL('package.json', jco), 'utf8'));
  for (const [, asked, args] of commands) {
    assert.ok(version.startsWith(`${asked}.`), `the docs say jco ${asked}, and the tests have ${version}`);
    await promisify(execFile)(process.execPath, [fileURLToPath(new URL('dist/jco.js', jco)), ...args.split(' ')], {
      cwd: folder,
    });
  }
  assert.ok(existsSync(join(folder, 'engine/engine.js')));
  const types = readFileSync(join(folder, 'types/interfaces/permisos-secrets-engine.d.ts'), 'utf8');
  assert.match(types, /\* When to call `poll-fetch` again, if nothing happens before\./);
});

function inEach(title, scene) {
  for (const [language, host] of Object.entries(HOSTS)) test(`${title}, in ${language}`, () => scene(host, language));
}

inEach('a host loads, keeps, follows a rotation and reports errors as errors', async (host, language) => {
  const name = `permisos/${language}/database/credentials`;
  await moto.create(name, DATABASE);
  const options = { environment: language, source: 'aws', services: ['database'], endpointUrl: moto.url };
  await play(host, options, async (ask) => {
    assert.deepEqual(await ask('ready'), { ok: null });
    assert.deepEqual(await ask('get', 'database'), { ok: { host: 'db1', isSame: false } });
    assert.deepEqual(await ask('get', 'database'), { ok: { host: 'db1', isSame: true } });

    // The same version is the same object; another one is another.
    assert.deepEqual(await ask('refresh', 'database'), { ok: null });
    assert.deepEqual(await ask('get', 'database'), { ok: { host: 'db1', isSame: true } });
    await moto.put(name, { ...DATABASE, host: 'db2' });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.deepEqual(await ask('refresh', 'database'), { ok: null });
    assert.deepEqual(await ask('get', 'database'), { ok: { host: 'db2', isSame: false } });
    assert.deepEqual(await ask('events'), { ok: ['loaded', 'refreshed', 'rotated'] });

    // A typo is an error with the near name, and ends nothing.
    for (const what of ['get', 'refresh']) {
      const { error } = await ask(what, 'databse');
      assert.equal(error.code, 'SECRETS_CONFIG_INVALID');
      assert.match(error.message, /did you mean `database`\?$/);
    }
    const { ok: health } = await ask('health');
    assert.deepEqual([health.status, health.services[0].origin], ['healthy', 'secrets-manager']);

    // A start in seconds; the variables of the services asked for, and those that steer.
    const { error } = await ask('open', options, 1_790_000_000);
    assert.equal(error.code, 'SECRETS_CONFIG_INVALID');
    assert.match(error.message, /milliseconds since 1970, not in seconds/);
    const { ok: names } = await ask('open', { services: ['redis'], source: 'environment' }, Date.now());
    const redis = names.filter((name) => /^(DATABASE|DB|REDIS|STRIPE|EMAIL)_/.test(name));
    assert.deepEqual([...new Set(redis.map((name) => name.split('_')[0]))], ['REDIS']);

    assert.deepEqual(await ask('close'), { ok: null });
    assert.equal((await ask('get', 'database')).error.code, 'SECRETS_NOT_READY');
  });
});

inEach('a host reads the files that variables, URLs and options name', async (host) => {
  const { authority } = await makeCertificates();
  const file = join(folder, 'authority.pem');
  writeFileSync(file, authority);
  const connection = { DB_HOST: 'db', DB_NAME: 'permisos', DB_USER: 'app', DB_PASSWORD: CANARY };
  const postgres = `postgresql://app:${CANARY}@db/permisos?sslmode=verify-full&sslrootcert=`;
  const named = {
    'a variable': [{ services: ['database'] }, { ...connection, RDS_CA_CERT_PATH: file }],
    "PostgreSQL's URL": [{ services: ['database'] }, { DATABASE_URL: postgres + file }],
    "Redis's URL": [{ services: ['redis'] }, { REDIS_URL: `rediss://cache?ssl_ca_certs=${file}` }],
    'the option database.caFile': [
      { services: ['database'], database: { caFile: file } },
      { ...connection, DB_SSL: 'true' },
    ],
    'the option redis.caFile': [
      { services: ['redis'], redis: { caFile: file } },
      { REDIS_URL: 'rediss://cache' },
    ],
  };
  const source = { environment: 'development', source: 'environment' };
  await play(host, { ...source, services: [] }, async (ask) => {
    for (const [where, [options, variables]] of Object.entries(named)) {
      const ca = await ask('ca', { ...source, ...options }, variables);
      assert.equal(ca.ok?.trim(), authority.trim(), `${where}: ${ca.error?.message}`);
    }
    const moved = { DATABASE_URL: `${postgres}${file}.moved` };
    const { error } = await ask('ca', { ...source, services: ['database'] }, moved);
    assert.match(error.message, /the file that DATABASE_URL names cannot be read/);
  });
});
