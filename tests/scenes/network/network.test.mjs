// Proxies, certificates, and connections that are not made, in networks of their own: what goes where, who is trusted, and
// a message that says why not, wherever it is read.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { makeCertificates, startPython } from '../../servers/servers.mjs';
import { CONNECTIONS, NAMES, PLACES, PROXIES, TRUST } from './cells.mjs';
import { inPrivateNetwork } from '../../support/private-network.mjs';
import { RUNTIMES, load } from '../../support/product.mjs';

const CELLS = new URL('./cells.mjs', import.meta.url).pathname;
let certificates;

before(async () => {
  certificates = await makeCertificates(...NAMES);
});

describe('networks', { concurrency: 4 }, () => {
  for (const [table, title, cells, places] of [
    ['PROXIES', 'proxy', PROXIES, RUNTIMES],
    ['TRUST', 'trust', TRUST, RUNTIMES],
    ['CONNECTIONS', 'no connection', CONNECTIONS, PLACES],
  ]) {
    for (const [name] of cells) {
      for (const place of places) {
        test(`${title}: ${name}: ${place}`, async () => {
          assert.deepEqual(await inPrivateNetwork(CELLS, 'runCell', [table, name, place, certificates], NAMES), []);
        });
      }
    }
  }

  test('the key exchange is safe from quantum computers', async (t) => {
    const home = await mkdtemp(join(tmpdir(), 'permisos-secrets-home-'));
    t.after(() => rm(home, { recursive: true }));
    const { authority, good } = certificates;
    const files = Object.entries({ authority, ...good }).map(([name, pem]) =>
      writeFile(join(home, `${name}.pem`), pem),
    );
    await Promise.all(files);
    const { line, stop } = await startPython('group_server.py', join(home, 'cert.pem'), join(home, 'key.pem'));
    t.after(stop);
    const keys = { AWS_ACCESS_KEY_ID: 'testing', AWS_SECRET_ACCESS_KEY: 'testing' };
    const variables = { ...keys, AWS_CA_BUNDLE: join(home, 'authority.pem') };
    for (const runtime of RUNTIMES) {
      const answer = await load(runtime, { home, variables, options: { endpointUrl: `https://127.0.0.1:${line}` } });
      assert.equal(answer.versionId, 'X25519MLKEM768', `${runtime}: ${answer.message}`);
    }
  });
});
