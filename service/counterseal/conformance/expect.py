"""How a check fails. Not `assert`: Python leaves those out under -O."""


def expect(holds: bool, text: str) -> None:
    """Fail the running check unless it holds.

    Raises:
        AssertionError: with the text.
    """
    if not holds:
        raise AssertionError(text)
