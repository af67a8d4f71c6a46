/** Passwords of people, as they are stored. */

const { createHash, randomBytes, scrypt, timingSafeEqual } = require('node:crypto');
const { promisify } = require('node:util');

async function hash(password, salt = randomBytes(16).toString('hex')) {
  return `${salt}:${(await promisify(scrypt)(password, salt, 32)).toString('hex')}`;
}

/** In a time that does not say where two texts differ. */
function isSame(one, other) {
  const [first, second] = [one, other].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(first, second);
}

module.exports = {
  hash,
  isSame,
  isRight: async (password, stored) => isSame(await hash(password, stored.split(':')[0]), stored),
};
