/** One pool for the process. It asks for the password at each new connection, and waits where it was just rotated. */

const { createPool } = require('@permisos/secrets/pg');
const settings = require('./settings');

module.exports = createPool({ max: settings.poolSize, maxUses: settings.connectionUses });
