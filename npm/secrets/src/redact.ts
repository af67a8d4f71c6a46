/** Configs are plain frozen objects that show their shape, not their values. */

import { inspect, type InspectOptions } from 'node:util';

/**
 * Freezes a parsed config, deeply, and lets it show the redacted shape wherever it is printed. The fields stay
 * enumerable: they can be read, spread, and passed to a driver.
 */
export function seal<T extends object>(exposed: T, redacted: unknown): T {
  for (const [key, value] of Object.entries(exposed) as [string, unknown][]) {
    if (typeof value !== 'object' || value === null) continue;
    // What is below a redacted value is redacted.
    seal(value, typeof redacted === 'object' && redacted ? (redacted as Record<string, unknown>)[key] : redacted);
  }
  const hidden = (value: unknown): PropertyDescriptor => ({ value, enumerable: false });
  Object.defineProperties(exposed, {
    toJSON: hidden(() => redacted),
    toString: hidden(() => (typeof redacted === 'string' ? redacted : JSON.stringify(redacted))),
    [inspect.custom]: hidden((_depth: number, options: InspectOptions) => inspect(redacted, options)),
  });
  return Object.freeze(exposed);
}
