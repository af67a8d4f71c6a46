/** WhatsApp, an optional feature: off where its secret is not stored. */

const { createHmac, timingSafeEqual } = require('node:crypto');
const { getSecret } = require('@permisos/secrets');
const [definition] = require('../permisos.json').secrets;

const secret = () => getSecret(definition);

module.exports = {
  isOn: () => secret() !== undefined,
  /** Whether WhatsApp has signed this body. */
  isSigned(body, signature = '') {
    const expected = `sha256=${createHmac('sha256', secret().appSecret).update(body).digest('hex')}`;
    return signature.length === expected.length && timingSafeEqual(Buffer.from(signature), Buffer.from(expected));
  },
};
