// The scene of clock.test.mjs, for a process that is stopped: it reads all the time, until its standard input ends.
// Argument: the emulator's URL.

import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { Secrets } from '@permisos/secrets';

const options = { environment: 'stopped', source: 'aws', services: ['database'], env: {}, ttl: 1, staleIfError: 2, timeout: 2 };
const types = new Set();
const failures = new Set();
const secrets = await Secrets.open({ ...options, endpointUrl: process.argv[2] }, ({ type }) => types.add(type));
console.log('open');
let isOver = false;
once(process.stdin.resume(), 'end').then(() => (isOver = true));
while (!isOver) {
  try {
    secrets.getDatabaseConfig();
    // Not what was kept: what the engine answers now.
    const { lastError } = secrets.health().services[0];
    if (lastError) failures.add(lastError);
  } catch (error) {
    failures.add(error.code);
  }
  await turn();
}
secrets.close();
console.log(JSON.stringify({ failures: [...failures], types: [...types].sort() }));
