"""`cxkinetics completion SHELL`: a script that teaches bash, zsh or fish the verbs and options."""

import argparse
import sys
from collections.abc import Iterator

__all__ = ["completion_script"]

SUMMARY = "print a completion script for bash, zsh or fish"
EXAMPLE = 'eval "$(cxkinetics completion bash)"'
SHELLS = ("bash", "zsh", "fish")
KNOWN = {
    "system": ("ag-cds", "cu-cds"),
    "preset": ("paper",),
    "time_unit": ("s", "ms", "us", "min", "h", "d"),
}
"""Values of options that take other values too, by the name of the option."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the shell's name."""
    parser.add_argument("shell", choices=SHELLS, help="which shell")


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    script = completion_script(args.shell)
    if args.json:
        import json

        script = (
            json.dumps({"schema": "cxkinetics.completion/1", "shell": args.shell, "script": script}) + "\n"
        )
    sys.stdout.write(script)
    return 0


def completion_script(shell: str) -> str:
    """Return the script for a shell, made from the parser itself, so that it cannot fall behind."""
    from cxkinetics.cli.main import VERBS, build_parser

    verbs = dict(_verbs(build_parser(VERBS)))
    return _fish(verbs) if shell == "fish" else _bash(verbs, zsh=shell == "zsh")


def _verbs(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if action.option_strings]


def _long(action: argparse.Action) -> str:
    return max(action.option_strings, key=len)


def _values(action: argparse.Action) -> list[str]:
    """Return the values to offer: the choices, known names, or the plain words of "auto|1|VALUE"."""
    if action.choices is not None:
        return [str(choice) for choice in action.choices]
    if action.dest in KNOWN:
        return list(KNOWN[action.dest])
    if action.dest == "target":
        return _species()
    parts = str(action.metavar or "").split("|")
    return [part for part in parts if part.islower() or part.isdigit()]


def _species() -> list[str]:
    from cxkinetics.composition.system import load_system

    return list(dict.fromkeys(key for name in KNOWN["system"] for key in load_system(name).species))


def _takes_files(action: argparse.Action) -> bool:
    return action.dest == "system" or any(word in str(action.metavar or "") for word in ("FILE", "DIR"))


def _reply(words: str, files: bool) -> str:
    offers = [f'$(compgen -W "{words}" -- "$cur")'] if words else []
    offers += ['$(compgen -f -- "$cur")'] if files else []
    return f"COMPREPLY=( {' '.join(offers)} )" if offers else "COMPREPLY=()"


def _bash(verbs: dict[str, argparse.ArgumentParser], *, zsh: bool) -> str:
    lines = ["autoload -U +X bashcompinit && bashcompinit"] if zsh else []
    lines += [
        "_cxkinetics() {",
        '  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"',
        '  if [ "$COMP_CWORD" -eq 1 ]; then',
        f"    {_reply(' '.join(verbs) + ' --help --version', False)}; return",
        "  fi",
        '  case "${COMP_WORDS[1]} $prev" in',
    ]
    for verb, parser in verbs.items():
        for action in _options(parser):
            if action.nargs != 0:
                reply = _reply(" ".join(_values(action)), _takes_files(action))
                lines.append(f'    "{verb} {_long(action)}") {reply}; return ;;')
    lines += ["  esac", '  case "${COMP_WORDS[1]}" in']
    for verb, parser in verbs.items():
        placed = [action for action in parser._actions if not action.option_strings]
        words = [word for action in placed for word in _values(action)]
        words += [_long(action) for action in _options(parser)]
        lines.append(f"    {verb}) {_reply(' '.join(words), any(map(_takes_files, placed)))} ;;")
    lines += ["  esac", "}", "complete -o filenames -F _cxkinetics cxkinetics"]
    return "\n".join(lines) + "\n"


def _fish(verbs: dict[str, argparse.ArgumentParser]) -> str:
    lines = []
    for verb, parser in verbs.items():
        about = _quoted(parser.description or "")
        lines.append(f"complete -c cxkinetics -n __fish_use_subcommand -f -a {verb} -d {about}")
        seen = f"-n '__fish_seen_subcommand_from {verb}'"
        placed = [action for action in parser._actions if not action.option_strings]
        if not any(map(_takes_files, placed)):
            lines.append(f"complete -c cxkinetics {seen} -f")
        for word in (word for action in placed for word in _values(action)):
            lines.append(f"complete -c cxkinetics {seen} -a {_quoted(word)}")
        for action in _options(parser):
            value = ""
            if action.nargs != 0:
                words = _values(action)
                value = (" -r -F" if _takes_files(action) else " -x") + (
                    f" -a {_quoted(' '.join(words))}" if words else ""
                )
            name = _long(action).removeprefix("--")
            text = "" if action.help in (None, argparse.SUPPRESS) else f" -d {_quoted(str(action.help))}"
            lines.append(f"complete -c cxkinetics {seen} -l {name}{value}{text}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("%%", "%") + "'"
