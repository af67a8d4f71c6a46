// A network of its own, in which nothing but this machine's loopback exists: for what has a fixed address or name. Linux's
// namespaces make it, without root where the machine permits that; where it cannot be made, the test fails and says so.

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The address at which a container's credentials are served. */
const ADDRESSES = ['169.254.170.2'];
const SETUP = `ip link set lo up
for address in ${ADDRESSES.join(' ')}; do ip address add $address/32 dev lo; done
mount --bind "$1" /etc/hosts
mount --bind "$2" /etc/nsswitch.conf
shift 2
exec "$@"`;

/** Runs `module.name(...args)` in there, where these names are this machine's, and answers what it answers, as JSON. */
export async function inPrivateNetwork(module, name, args = [], names = []) {
  const folder = await mkdtemp(join(tmpdir(), 'permisos-secrets-network-'));
  const [hosts, lookup] = ['hosts', 'lookup'].map((name) => join(folder, name));
  await writeFile(hosts, ['localhost', ...names].map((name) => `127.0.0.1 ${name}\n`).join(''));
  // No server of names is asked: what is not in the file does not exist.
  await writeFile(lookup, 'hosts: files\n');
  const script = new URL(import.meta.url).pathname;
  const call = [process.execPath, script, module, name, JSON.stringify(args)];
  const namespaces = ['--user', '--map-root-user', '--net', '--mount', '--pid', '--fork', '--kill-child'];
  const child = spawn('unshare', [...namespaces, 'sh', '-euc', SETUP, 'sh', hosts, lookup, ...call], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  try {
    const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
    if (code !== 0) throw new Error(`a private network cannot be made, or ${name} failed in it:\n${stderr}`);
    return JSON.parse(stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const [, , module, name, args] = process.argv;
  const answer = await (await import(module))[name](...JSON.parse(args));
  process.stdout.write(JSON.stringify(answer));
}
