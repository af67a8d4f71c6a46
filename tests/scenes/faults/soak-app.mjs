// The application under soak: reads and refreshes without end, and prints what it costs. Arguments: URL, seconds.

import { readFile, readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Secrets, defineSecret } from '@permisos/secrets';

const [url, seconds] = process.argv.slice(2);
const custom = Array.from({ length: 20 }, (_, index) => defineSecret(`soak/number-${index}`, { fields: { token: {} } }));
const services = ['database', 'redis', 'stripe'];
const secrets = await Secrets.open({
  environment: 'soak', source: 'aws', endpointUrl: url, env: {}, services, secrets: custom, ttl: 1, timeout: 1,
});
let events = 0;
secrets.on('event', () => events++);

async function sample() {
  const status = await readFile('/proc/self/status', 'utf8');
  const number = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1]);
  globalThis.gc();
  return {
    rss: number('VmRSS'),
    heap: Math.round(process.memoryUsage().heapUsed / 1024),
    threads: number('Threads'),
    files: (await readdir('/proc/self/fd')).length,
  };
}

const samples = [];
const end = Date.now() + Number(seconds) * 1000;
let reads = 0;
let next = 0;
while (Date.now() < end) {
  for (let index = 0; index < 1000; index++) {
    // Throws if a good value was lost. User and password must be of one version.
    const { username, password } = secrets.getDatabaseConfig();
    if (username.slice(4) !== password.slice(8)) throw new Error('user and password of two versions');
    secrets.getRedisConfig();
    secrets.getSecret(custom[index % custom.length]);
    reads += 3;
  }
  secrets.refresh(services[reads % services.length]).catch(() => {});
  secrets.health();
  if (Date.now() >= next) {
    samples.push(await sample());
    next = Date.now() + Math.max(250, Number(seconds) * 10);
  }
  await sleep(20);
}
console.log(JSON.stringify({ samples, reads, events, calls: secrets.health().fetches }));
