"""The guest of docs/hosts.md in Python: componentize-py makes it a component."""

import wit_world
from componentize_py_types import Err
from wit_world.imports import config


class WitWorld(wit_world.WitWorld):
    def run(self, argument: str) -> str:
        try:
            database = config.get_database_config()
        except Err as error:
            raise Err(error.value.message)
        return f"{database.host}:{database.port}"
