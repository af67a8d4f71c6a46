/** express-session: a list of secrets that is always the current one. */

import { source } from './follow.js';
import type { Secrets } from './index.js';

/**
 * The secrets that sign and verify sessions, as a list that follows rotations: the current secret, and the previous one while
 * it is honoured. The middleware is made once. It serves cookie-parser and cookie-session as well.
 *
 * ```js
 * import session from 'express-session';
 * import { sessionSecrets } from '@permisos/secrets/express-session';
 *
 * app.use(session({ secret: sessionSecrets(), store, resave: false, saveUninitialized: false }));
 * ```
 */
export function sessionSecrets(secrets?: Secrets): string[] {
  const current = (): readonly string[] => source(secrets).getSecurityConfig().sessionSecrets;
  // An array to `Array.isArray`, and read at each request, as the middleware does.
  return new Proxy<string[]>([], {
    get: (_target, name) => Reflect.get(current(), name) as unknown,
    has: (_target, name) => Reflect.has(current(), name),
  });
}
