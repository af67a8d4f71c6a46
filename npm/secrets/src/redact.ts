/** Configs are plain frozen objects that show their shape, not their values. */

import { inspect, type InspectOptions, isDeepStrictEqual } from 'node:util';

/**
 * Freezes a parsed config, deeply, and lets it show the redacted shape wherever it is printed. The fields stay
 * enumerable: they can be read, spread, and passed to a driver. What equals the one before is that object.
 */
export function seal<T extends object>(exposed: T, redacted: unknown, before?: unknown): T {
  if (before !== undefined && isDeepStrictEqual(exposed, before)) return before as T;
  const below = (parent: unknown, key: string): unknown =>
    typeof parent === 'object' && parent ? (parent as Record<string, unknown>)[key] : undefined;
  const fields = exposed as Record<string, unknown>;
  for (const [key, value] of Object.entries(fields)) {
    if (typeof value !== 'object' || value === null) continue;
    // What is below a redacted value is redacted.
    fields[key] = seal(value, typeof redacted === 'object' ? below(redacted, key) : redacted, below(before, key));
  }
  const hidden = (value: unknown): PropertyDescriptor => ({ value, enumerable: false });
  Object.defineProperties(exposed, {
    toJSON: hidden(() => redacted),
    toString: hidden(() => (typeof redacted === 'string' ? redacted : JSON.stringify(redacted))),
    [inspect.custom]: hidden((_depth: number, options: InspectOptions) => inspect(redacted, options)),
  });
  return Object.freeze(exposed);
}
