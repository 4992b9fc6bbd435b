"""What the operator decides: one TOML file and `HEADGATE_…` overrides become one frozen, validated tree.

Lives here: the only code that reads the configuration file and lays the environment over it. `load` reports
every problem at once; `tree` declares every key once, with the words that the reference is made of. May not:
open a store, a key ring or a socket. Rooms below never see `Settings`: the runtime hands them single values.
"""

from origin.settings.load import load, parse
from origin.settings.mount import Mount, MountToken
from origin.settings.problems import Problem, SettingsError
from origin.settings.render import reference_markdown, schema, show
from origin.settings.tree import DIALECTS, Settings

__all__ = [
    "DIALECTS",
    "Mount",
    "MountToken",
    "Problem",
    "Settings",
    "SettingsError",
    "load",
    "parse",
    "reference_markdown",
    "schema",
    "show",
]
