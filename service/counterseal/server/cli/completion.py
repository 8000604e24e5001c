"""`counterseal completion`: the script that teaches a shell to complete our commands."""

import click

PROGRAM = "counterseal"
VARIABLE = "_COUNTERSEAL_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for a shell.

    \b
    bash:  source <(counterseal completion bash)
    zsh:   source <(counterseal completion zsh)
    fish:  counterseal completion fish | source
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    root = click.get_current_context().find_root().command
    if kind is None:  # pragma: no cover - the three are built into click
        raise click.UsageError(f"no completion for {shell}")
    script = kind(root, {}, PROGRAM, VARIABLE)
    # Formatted here rather than by source(): that runs `bash --version` first, and warns on standard output.
    click.echo(script.source_template % script.source_vars())
