"""The console command: one file per command, one table that lists them.

Lives here: arguments, output and exit codes. May not: decide anything; a command calls the room that does.
Results go to standard output, troubles to standard error in one line each and never as a traceback. Heavy
imports wait inside the commands.

Exit codes:

    0   done; what was checked is right
    1   what was checked is wrong
    2   the command line or the configuration is wrong
    3   something that is needed does not answer
    70  a defect of Headgate itself
    130 interrupted
    141 whoever read the output went away before the end of it

A program or a group of commands alone shows its help.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from origin.cli import apikey, config, demo, dialects, doctor, keys, metrics, purge, serve, sign, verify, warm
from origin.cli.output import deliver
from origin.cli.trouble import Command, ExitCode, Trouble, tell

PROGRAM = "headgate"

# The words on the command line → what they run.
COMMANDS: Mapping[str, Command] = {
    "demo": demo.demo,
    "serve": serve.serve,
    "sign": sign.sign,
    "verify": verify.verify,
    "warm": warm.warm,
    "purge": purge.purge,
    "apikey": apikey.apikey,
    "dialects": dialects.dialects,
    "doctor": doctor.doctor,
    "keys new": keys.new,
    "keys list": keys.list_keys,
    "keys rotate": keys.rotate,
    "keys retire": keys.retire,
    "keys import": keys.import_keys,
    "keys export": keys.export,
    "config check": config.check,
    "config show": config.show,
    "config schema": config.schema,
    "config reference": config.reference,
    "metrics reference": metrics.reference,
}
GROUPS: Mapping[str, str] = {
    "keys": "Make, rotate, move and list signing keys.",
    "config": "Check and show the configuration.",
    "metrics": "Say what is measured.",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that `arguments` (default: the process's own) name, and exit with its code."""
    sys.exit(deliver(run(sys.argv[1:] if arguments is None else arguments)))


def run(
    arguments: Sequence[str],
    commands: Mapping[str, Command] = COMMANDS,
    groups: Mapping[str, str] = GROUPS,
) -> int:
    """Run one command; gives its exit code."""
    import typer

    from origin.cli.frame import build

    shown = ["--help"] if " ".join(arguments) in {"", *groups} else []
    try:
        return build(PROGRAM, commands, groups)([*arguments, *shown])
    except Trouble as trouble:
        tell(*trouble.lines)
        return trouble.code
    except typer.TyperException as error:
        tell(f"{error.format_message()} (see {PROGRAM} --help)")
        return ExitCode.USAGE
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except SystemExit:  # how typer ends a command whose output nobody reads any more
        return ExitCode.UNREAD
    except Exception as error:  # the last line of defence: a defect, told without its traceback
        tell(f"internal error: {type(error).__name__}: {error}")
        return ExitCode.DEFECT
