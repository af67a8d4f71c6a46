// Every provider of AWS's credential chain, in the addon and in the operator's tool: what it gives is what signs, and what
// fails is named, with the command that mends it. The table at the end is whole, or the test fails.

import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { OUTCOMES, PROVIDERS, missing, runCell } from './table.mjs';
import { inPrivateNetwork } from '../../support/private-network.mjs';
import { RUNTIMES } from '../../support/product.mjs';

const TABLE = new URL('./table.mjs', import.meta.url).pathname;
const holds = new Map();

describe('credentials', { concurrency: 4 }, () => {
  for (const { provider, network, ...row } of PROVIDERS) {
    for (const outcome of OUTCOMES.filter((outcome) => !missing(row, outcome))) {
      for (const runtime of RUNTIMES) {
        const name = `${provider}: ${outcome} in ${runtime}`;
        test(name, async () => {
          holds.set(name, false);
          const cell = [provider, outcome, runtime];
          assert.deepEqual(await (network ? inPrivateNetwork(TABLE, 'runCell', cell) : runCell(...cell)), []);
          holds.set(name, true);
        });
      }
    }
  }

  after(() => {
    const title = (text) => text.padEnd(36);
    const columns = OUTCOMES.flatMap((outcome) => RUNTIMES.map((runtime) => [outcome, runtime]));
    const lines = [title('credentials that hold') + OUTCOMES.map((outcome) => outcome.padStart(14)).join('')];
    lines.push(title('') + columns.map(([, runtime]) => runtime.padStart(7)).join(''));
    for (const row of PROVIDERS) {
      const cells = columns.map(([outcome, runtime]) => {
        if (missing(row, outcome)) return '-';
        return holds.get(`${row.provider}: ${outcome} in ${runtime}`) ? 'holds' : 'FAILS';
      });
      lines.push(title(row.provider) + cells.map((cell) => cell.padStart(7)).join(''));
    }
    for (const row of PROVIDERS) {
      const reasons = OUTCOMES.map((outcome) => missing(row, outcome)).filter(Boolean);
      if (reasons.length > 0) lines.push(`-  ${row.provider}: ${[...new Set(reasons)].join('; ')}`);
    }
    const holding = [...holds.values()].filter(Boolean).length;
    console.log(`${lines.join('\n')}\n${holding} of ${holds.size} cells hold`);
  });
});
