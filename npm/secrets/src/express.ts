/** A health endpoint and a status page for Express, and for anything else that hands out `node:http`'s request and response. */

import type { Health } from './generated/documents.js';
import { observe, type Observed } from './observed.js';
import type { ResponseLike } from './status.js';

export { statusPage } from './status.js';

/**
 * Responds with 200 while every required service can be read, also if some are degraded, else 503; never with a value. The
 * body is `{ status, services }`; with `details` it is the whole of `getHealth()`, which names secrets, versions and
 * regions and belongs behind a login.
 */
export function healthHandler({ details = false, secrets }: { details?: boolean; secrets?: Observed } = {}): (
  request: unknown,
  response: ResponseLike,
) => void {
  return (_request, response) => {
    const health = observe(secrets, (it) => it.health());
    response.statusCode = health && health.status !== 'unavailable' ? 200 : 503;
    response.setHeader('content-type', 'application/json; charset=utf-8');
    response.setHeader('cache-control', 'no-store');
    response.end(JSON.stringify(details && health ? health : brief(health)));
  };
}

function brief(health: Health | undefined): object {
  if (!health) return { status: 'unavailable', services: [] };
  const services = health.services.map(({ service, status, origin, freshness, lastError }) => ({
    service,
    status,
    origin,
    freshness,
    lastError,
  }));
  return { status: health.status, services };
}
