// Lets a test ask the host of the docs: as drive.py, with the transpiled component.

import { createInterface } from 'node:readline';

import { SecretsError, attempt, load, open } from './component.mjs';
import { Secrets } from './host.mjs';

const [transpiled, options] = process.argv.slice(2);
const secrets = await Secrets.open(transpiled, JSON.parse(options));
const kept = new Map();

async function answer(what, ...args) {
  if (what === 'get') {
    const config = secrets.get(...args);
    const isSame = kept.get(args[0]) === config;
    kept.set(args[0], config);
    return { host: config.host, isSame };
  }
  if (what === 'events') return secrets.events.splice(0).map(({ type }) => type);
  if (what === 'open') {
    const asked = [];
    const environment = new Proxy({}, { get: (_, name) => void asked.push(name) });
    open(await load(transpiled), args[0], environment, args[1], 7);
    return asked;
  }
  if (what === 'ca') {
    const engine = open(await load(transpiled), ...args, Date.now(), 7);
    const { config } = JSON.parse(attempt(() => engine.read(args[0].services[0], 0)));
    return (config.ssl ?? config.tls).ca;
  }
  return (await secrets[what](...args)) ?? null;
}

for await (const line of createInterface(process.stdin)) {
  try {
    console.log(JSON.stringify({ ok: await answer(...JSON.parse(line)) }));
  } catch (error) {
    if (!(error instanceof SecretsError)) throw error;
    console.log(JSON.stringify({ error: { code: error.code, message: error.message } }));
  }
}
