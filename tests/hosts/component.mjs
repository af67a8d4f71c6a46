// The engine's component in JavaScript, as `jco transpile` makes it: its errors with code and message.

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** An error of the engine: `code`, `message`, `violations` and the rest of its document. */
export class SecretsError extends Error {
  constructor(document) {
    super(document.message);
    Object.assign(this, document);
  }
}

/** The interface of a transpiled component. */
export async function load(transpiled) {
  const { engine } = await import(pathToFileURL(transpiled));
  if (!engine?.Engine) throw new Error(`${transpiled} does not export permisos:secrets/engine`);
  return engine;
}

/** Opens an engine with those variables of the environment that the options ask for, and the files that both name. */
export function open({ Engine, filePaths, variableNames }, options, environment, startedAt, seed) {
  const text = JSON.stringify(options);
  const names = JSON.parse(attempt(() => variableNames(text)));
  const variables = JSON.stringify(Object.fromEntries(names.map((name) => [name, environment[name]])));
  const paths = JSON.parse(attempt(() => filePaths(text, variables)));
  const files = JSON.stringify(Object.fromEntries(paths.map((path) => [path, read(path)])));
  return attempt(() => Engine.open(text, variables, files, startedAt, seed));
}

/** Calls a function whose WIT answers a `result`: jco throws the text of the error. */
export function attempt(work) {
  try {
    return work();
  } catch (error) {
    throw typeof error.payload === 'string' ? new SecretsError(JSON.parse(error.payload)) : error;
  }
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
