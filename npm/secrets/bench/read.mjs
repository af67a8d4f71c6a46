// A warm read against a read of process.env, in one run.

import { getDatabaseConfig, initializeSecrets } from '@permisos/secrets';

process.env.DATABASE_URL = 'postgresql://user:password@localhost/database';
await initializeSecrets({ source: 'environment', services: ['database'] });

const ROUNDS = 7;
const READS = 2_000_000;
let sink = 0;

function nanoseconds(read) {
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    const started = process.hrtime.bigint();
    for (let index = 0; index < READS; index++) sink += read().length;
    rounds.push(Number(process.hrtime.bigint() - started) / READS);
  }
  return rounds.sort((one, other) => one - other)[Math.floor(ROUNDS / 2)];
}

const variable = nanoseconds(() => process.env.DATABASE_URL);
const config = nanoseconds(() => getDatabaseConfig().url);
console.log(
  `warm read: ${(variable / config).toFixed(1)} times cheaper than process.env.DATABASE_URL ` +
    `(${config.toFixed(1)} ns against ${variable.toFixed(1)} ns)${sink ? '' : '!'}`,
);
