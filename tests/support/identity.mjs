// An age identity as `age-keygen` writes it: 32 random bytes in Bech32 (BIP 173).

import { randomBytes } from 'node:crypto';

const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const PREFIX = 'age-secret-key-';

export function makeIdentity() {
  const groups = [];
  let [bits, count] = [0, 0];
  for (const byte of randomBytes(32)) {
    bits = (bits << 8) | byte;
    for (count += 8; count >= 5; count -= 5) groups.push((bits >> (count - 5)) & 31);
    bits &= 0xff;
  }
  groups.push((bits << (5 - count)) & 31);
  const letters = [...PREFIX].map((letter) => letter.charCodeAt(0));
  const prefix = [...letters.map((code) => code >> 5), 0, ...letters.map((code) => code & 31)];
  const sum = polymod([...prefix, ...groups, 0, 0, 0, 0, 0, 0]) ^ 1;
  const check = [25, 20, 15, 10, 5, 0].map((shift) => (sum >> shift) & 31);
  const data = [...groups, ...check].map((group) => ALPHABET[group]).join('');
  return `# made for a test\n${`${PREFIX}1${data}`.toUpperCase()}\n`;
}

function polymod(values) {
  const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
  let sum = 1;
  for (const value of values) {
    const top = sum >> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    generators.forEach((generator, bit) => {
      if ((top >> bit) & 1) sum ^= generator;
    });
  }
  return sum;
}
