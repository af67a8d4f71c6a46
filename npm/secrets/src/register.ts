/**
 * `node --import @permisos/secrets/register server.js`: loads the secrets before the application's first line. It blocks
 * until they are there, so it works as a preloaded module, by `import` and by `require`.
 */

import { registerSecrets } from './index.js';

registerSecrets();
