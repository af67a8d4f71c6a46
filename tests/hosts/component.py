"""The engine's component in Python: its functions as methods, its errors as exceptions."""

import json

from wasmtime import Engine, Store
from wasmtime.component import Component, Linker, Variant

INTERFACE = "permisos:secrets/engine@0.1.0"


class SecretsError(Exception):
    """An error of the engine: `code`, `message`, `violations` and the rest of its document."""

    def __init__(self, document):
        super().__init__(document["message"])
        self.__dict__.update(document)


class Sandbox:
    """The component, compiled once, which takes half a second."""

    def __init__(self, path):
        self.engine = Engine()
        self.component = Component.from_file(self.engine, str(path))
        exported = self.component.type.exports(self.engine)
        if INTERFACE not in exported:
            raise RuntimeError(f"{path} exports {', '.join(exported) or 'nothing'}, and this host needs {INTERFACE}")


class SecretsEngine:
    """One engine in a sandbox of its own. Not for two threads at once: lock around it."""

    def __init__(self, sandbox, options, environment, started_at, seed):
        self._store = Store(sandbox.engine)
        self._instance = Linker(sandbox.engine).instantiate(self._store, sandbox.component)
        self._interface = self._instance.get_export_index(self._store, INTERFACE)
        self._functions = {}
        options = json.dumps(options)
        names = json.loads(self._try("variable-names", options))
        variables = json.dumps({name: environment[name] for name in names if name in environment})
        paths = json.loads(self._try("file-paths", options, variables))
        files = json.dumps({path: _read(path) for path in paths})
        self._this = self._try("[static]engine.open", options, variables, files, float(started_at), float(seed))

    def call(self, name, *arguments):
        """Calls a method that cannot fail."""
        return self._call(f"[method]engine.{name}", self._this, *arguments)

    def attempt(self, name, *arguments):
        """Calls a method whose WIT answers a `result`."""
        return self._try(f"[method]engine.{name}", self._this, *arguments)

    def _call(self, name, *arguments):
        if name not in self._functions:
            index = self._instance.get_export_index(self._store, name, self._interface)
            self._functions[name] = self._instance.get_func(self._store, index)
        function = self._functions[name]
        answer = function(self._store, *arguments)
        function.post_return(self._store)
        return answer

    def _try(self, name, *arguments):
        answer = self._call(name, *arguments)
        # Where both sides of a `result` are texts, wasmtime says which one it is; elsewhere only an error is a text.
        failed = isinstance(answer, str)
        if isinstance(answer, Variant):
            failed, answer = answer.tag == "err", answer.payload
        if failed:
            raise SecretsError(json.loads(answer))
        return answer


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return None
