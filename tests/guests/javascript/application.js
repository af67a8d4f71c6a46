// The guest of docs/hosts.md in JavaScript: componentize-js or componentize-qjs makes it a component.

import { getDatabaseConfig } from 'permisos:secrets/config@0.1.0';

export function run() {
  try {
    const { host, port } = getDatabaseConfig();
    return `${host}:${port}`;
  } catch (error) {
    throw error.payload.message;
  }
}
