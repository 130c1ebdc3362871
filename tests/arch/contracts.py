"""A contract that import-linter lacks: which libraries a package may use at all. Read through pyproject.toml."""

from __future__ import annotations

import sys
from typing import Any, Final

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

TOOLS: Final = frozenset(sys.stdlib_module_names)


class LibrariesContract(Contract):
    """Nothing beyond the standard library but what is listed.

    Options:
        package: whose modules are looked at.
        libraries: what all of them may import.
        also: "module -> library", for what only some of them may import.
    """

    package = fields.StringField()
    libraries = fields.SetField(subfield=fields.StringField())
    also = fields.SetField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        options: Any = self  # the fields hold what was read for them
        package, libraries = options.package, options.libraries
        also = {tuple(line.replace(" ", "").split("->")) for line in options.also or ()}
        ours = {name.partition(".")[0] for name in graph.modules if not graph.is_module_squashed(name)}
        broken = [
            f"{module} imports {library}"
            for module in sorted({package} | graph.find_descendants(package))
            for library in sorted(graph.find_modules_directly_imported_by(module))
            if library.partition(".")[0] not in ours | TOOLS | libraries and (module, library) not in also
        ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        lines: list[Any] = check.metadata["broken"]
        for line in lines:
            output.print_error(line)
