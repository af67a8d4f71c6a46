'use strict';

const config = {
  get(name) {
    return process.env[name];
  },
};

exports.transport = () => ({
  host: config.get('EMAIL_HOST'),
  auth: { user: config.get('EMAIL_USER'), pass: config.get('EMAIL_PASS') },
});
exports.portal = (name) => process.env[`GOVT_${name}`];
