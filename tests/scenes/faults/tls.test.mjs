// A server whose certificate is wrong gets no request, and the engineer reads what is wrong with it.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isolateAws, makeCertificates, startMoto } from '../../servers/servers.mjs';
import { startProxy } from '../../servers/proxy.mjs';
import { createDatabase, open } from '../../support/scene.mjs';

let moto;
let certificates;
let folder;

before(async () => {
  isolateAws();
  [moto, certificates] = await Promise.all([startMoto(), makeCertificates()]);
  folder = await mkdtemp(join(tmpdir(), 'permisos-secrets-'));
  process.env.SSL_CERT_FILE = join(folder, 'authority.pem');
  await writeFile(process.env.SSL_CERT_FILE, certificates.authority);
  await createDatabase(moto, 'tls');
});

after(async () => {
  await moto.stop();
  await rm(folder, { recursive: true });
});

describe('TLS', { concurrency: 2 }, () => {
  for (const [name, words] of [
    ['expired', /its certificate has expired/],
    ['foreign', /its certificate is not trusted/],
  ]) {
    test(`at start-up, a server with an ${name} certificate gets no request`, async (t) => {
      const proxy = await startProxy(moto.url, certificates[name]);
      t.after(() => proxy.stop());
      await assert.rejects(open(t, 'tls', proxy.url), (error) => {
        assert.equal(error.code, 'SECRETS_UNAVAILABLE');
        assert.match(error.message, words);
        return true;
      });
      assert.equal(proxy.requests.length, 0);
    });

    test(`a certificate that becomes ${name} leaves the readers what they have`, async (t) => {
      const proxy = await startProxy(moto.url, certificates.good);
      t.after(() => proxy.stop());
      const scene = await open(t, 'tls', proxy.url);
      proxy.certify(certificates[name]);
      await scene.more('failed');
      await scene.stale('SECRETS_UNAVAILABLE');
      assert.match(scene.events.findLast(({ type, error }) => type === 'failed' && error !== 'SECRETS_TIMEOUT').message, words);
      const before = proxy.requests.length;
      await scene.more('failed');
      assert.equal(proxy.requests.length, before);
      proxy.certify(certificates.good);
      await scene.more('recovered');
      await scene.healthy();
      await scene.end(['v1']);
    });
  }
});
