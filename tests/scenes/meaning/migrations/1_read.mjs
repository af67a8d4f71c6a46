import { ASKED } from '../database-asked.mjs';

export async function up(pgm) {
  const [{ read }] = await pgm.db.select(ASKED);
  // The line that is looked for is the last one.
  process.on('exit', () => console.log(read));
}
