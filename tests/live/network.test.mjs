// Proxies, certificates, and connections that are not made, in networks of their own: what goes where, who is trusted, and
// a message that says why not, wherever it is read.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { makeCertificates } from './moto.mjs';
import { CONNECTIONS, NAMES, PLACES, PROXIES, TRUST } from './network-cells.mjs';
import { inPrivateNetwork } from './private-network.mjs';
import { RUNTIMES } from './product.mjs';

const CELLS = new URL('network-cells.mjs', import.meta.url).pathname;
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
});
