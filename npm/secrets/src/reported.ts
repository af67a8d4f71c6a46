/** What an error says of itself, and what those say that it wraps. */

/** The members that hold a code: drivers' own, Prisma's, and Prisma's of the error that its driver adapter met. */
const CODES = ['code', 'errorCode', 'originalCode', 'kind'] as const;
/** No honest error wraps more. */
const LIMIT = 64;

type Members = Record<string, unknown>;

/**
 * Code and message of an error and of all that it wraps. Where that is differs: `cause`, `parent` and `original`
 * (Sequelize), `driverError` (TypeORM), `meta` (Prisma), `nativeError` (Objection), `errors` (AggregateError). So every
 * member is followed that looks like an error. What the codes mean is the engine's to decide.
 */
export function reported(error: unknown): { code: string; message: string }[] {
  const found: { code: string; message: string }[] = [];
  // A set takes in each error once, in a circle too, and goes on with what is added meanwhile.
  const errors = new Set<unknown>([error]);
  for (const it of errors) {
    if (typeof it !== 'object' || it === null) continue;
    try {
      const members = it as Members;
      const message = [members.message, members.originalMessage].filter((text) => typeof text === 'string').join('\n');
      const codes = CODES.map((name) => members[name]).filter((code) => typeof code === 'string');
      for (const code of codes.length > 0 ? codes : ['']) found.push({ code, message });
      for (const name of Object.getOwnPropertyNames(it)) {
        const value = members[name];
        const below = name === 'errors' && Array.isArray(value) ? value : [value];
        for (const one of below) if (errors.size < LIMIT && (name === 'meta' || isError(one))) errors.add(one);
      }
    } catch {
      // A getter that throws: what is known so far counts.
    }
  }
  return found;
}

/** Also those of another realm, such as Jest's, and plain objects in their place. */
function isError(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return value instanceof Error || ['message', ...CODES].some((name) => typeof (value as Members)[name] === 'string');
}
