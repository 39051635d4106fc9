"""`cxkinetics completion SHELL`: a script that teaches bash, zsh or fish the verbs and options."""

import argparse
import sys
from collections.abc import Iterator

__all__ = ["completion_script"]

SUMMARY = "print a completion script for bash, zsh or fish"
EXAMPLE = 'eval "$(cxkinetics completion bash)"'
SHELLS = ("bash", "zsh", "fish")


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


def _choices(action: argparse.Action) -> list[str]:
    return [str(choice) for choice in action.choices or ()]


def _positional_choices(parser: argparse.ArgumentParser) -> list[str]:
    return [word for action in parser._actions if not action.option_strings for word in _choices(action)]


def _bash(verbs: dict[str, argparse.ArgumentParser], *, zsh: bool) -> str:
    lines = ["autoload -U +X bashcompinit && bashcompinit"] if zsh else []
    lines += [
        "_cxkinetics() {",
        '  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" words=""',
        '  if [ "$COMP_CWORD" -eq 1 ]; then',
        f'    COMPREPLY=( $(compgen -W "{" ".join(verbs)} --help --version" -- "$cur") ); return',
        "  fi",
        '  case "${COMP_WORDS[1]} $prev" in',
    ]
    for verb, parser in verbs.items():
        for action in _options(parser):
            if _choices(action):
                answer = f'COMPREPLY=( $(compgen -W "{" ".join(_choices(action))}" -- "$cur") ); return'
                lines.append(f'    "{verb} {_long(action)}") {answer} ;;')
    lines += ["  esac", '  case "${COMP_WORDS[1]}" in']
    for verb, parser in verbs.items():
        words = " ".join([*_positional_choices(parser), *(_long(action) for action in _options(parser))])
        lines.append(f'    {verb}) words="{words}" ;;')
    lines += [
        "  esac",
        '  COMPREPLY=( $(compgen -W "$words" -- "$cur") $(compgen -f -- "$cur") )',
        "}",
        "complete -o filenames -F _cxkinetics cxkinetics",
    ]
    return "\n".join(lines) + "\n"


def _fish(verbs: dict[str, argparse.ArgumentParser]) -> str:
    lines = []
    for verb, parser in verbs.items():
        about = _quoted(parser.description or "")
        lines.append(f"complete -c cxkinetics -n __fish_use_subcommand -f -a {verb} -d {about}")
        seen = f"-n '__fish_seen_subcommand_from {verb}'"
        for word in _positional_choices(parser):
            lines.append(f"complete -c cxkinetics {seen} -a {word}")
        for action in _options(parser):
            choices = f" -x -a {_quoted(' '.join(_choices(action)))}" if _choices(action) else ""
            name = _long(action).removeprefix("--")
            text = "" if action.help in (None, argparse.SUPPRESS) else f" -d {_quoted(str(action.help))}"
            lines.append(f"complete -c cxkinetics {seen} -l {name}{choices}{text}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("%%", "%") + "'"
