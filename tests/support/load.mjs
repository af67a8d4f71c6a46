// Opens the secrets of the options in the first argument, in a process whose environment is a test's, and prints what came
// of it as JSON: `{ origin, versionId }` or `{ error: { code, message } }`, with the failures that were reported as events.

import { setTimeout as sleep } from 'node:timers/promises';
import { Secrets } from '@permisos/secrets';

const failures = [];
const onEvent = ({ type, error, message }) => type === 'failed' && failures.push({ error, message });
const outcome = {};
try {
  const secrets = await Secrets.open(JSON.parse(process.argv[2]), onEvent);
  const { origin, versionId } = secrets.read('database');
  Object.assign(outcome, { origin, versionId });
  // Where the environment stands in, why is reported soon after.
  for (let wait = 0; wait < 100 && outcome.origin === 'environment' && failures.length === 0; wait++) await sleep(50);
  outcome.health = secrets.health();
  secrets.close();
} catch ({ code, message }) {
  outcome.error = { code, message };
}
console.log(JSON.stringify({ ...outcome, failures }));
