// The server answers with an error or with nonsense: every error of the table keeps the readers' value. Nothing repeats
// a server's words: `scene.end` looks for a canary.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isolateAws, startMoto } from '../../servers/servers.mjs';
import { FAULTS, startProxy } from '../../servers/proxy.mjs';
import { createDatabase, open } from '../../support/scene.mjs';

const error = (status, type, headers) => FAULTS.answer(status, { __type: type, Message: 'canary-of-the-server' }, headers);

/** Name, answer, code, how often the SDK sends a call that fails so, the least wait in milliseconds. */
const ANSWERS = [
  ['HTTP 500', error(500, 'InternalServiceError'), 'SECRETS_UNAVAILABLE', 2],
  ['HTTP 503 without retry-after', FAULTS.answer(503, ''), 'SECRETS_UNAVAILABLE', 2],
  ['HTTP 503 with retry-after', FAULTS.answer(503, '', { 'retry-after': '5' }), 'SECRETS_UNAVAILABLE', 2, 5000],
  ['ThrottlingException as HTTP 400', error(400, 'ThrottlingException'), 'SECRETS_THROTTLED', 2],
  ['throttling with retry-after', error(400, 'ThrottlingException', { 'retry-after': '5' }), 'SECRETS_THROTTLED', 2, 5000],
  ['expired credentials', error(400, 'ExpiredTokenException'), 'SECRETS_UNAUTHENTICATED', 1],
  ['a key that KMS cannot use', error(400, 'DecryptionFailure'), 'SECRETS_DECRYPTION_FAILED', 1],
  ['a page of HTML as HTTP 200', FAULTS.answer(200, '<html>canary-of-the-server</html>'), 'SECRETS_UNAVAILABLE', 1],
  ['a value without version', FAULTS.answer(200, { SecretString: '{}' }), 'SECRETS_UNAVAILABLE', 1],
];

let moto;

before(async () => {
  isolateAws();
  moto = await startMoto();
});

after(() => moto.stop());

describe('answers that are none', { concurrency: 2 }, () => {
  for (const [index, [name, fault, code, attempts, leastWait = 0]] of ANSWERS.entries()) {
    test(name, async (t) => {
      await createDatabase(moto, `answer-${index}`);
      const proxy = await startProxy(moto.url);
      t.after(() => proxy.stop());
      const scene = await open(t, `answer-${index}`, proxy.url);
      proxy.fault = fault;
      await scene.more('failed');
      await scene.stale(code);
      proxy.fault = FAULTS.none;
      await scene.more('recovered');
      await scene.healthy();
      const { answered, failed } = await scene.end(['v1']);
      // A call that begins in the fault may end after it: it is sent again, and answered.
      const again = proxy.requests.length - answered - attempts * failed;
      assert.ok(0 <= again && again < attempts, `${again} requests too many`);
      const failures = scene.events.filter(({ error }) => error === code);
      assert.ok(failures.every(({ retryInMs }) => retryInMs >= leastWait));
    });
  }
});
